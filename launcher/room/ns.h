/* SPDX-License-Identifier: BSD-3-Clause */
/* ns.h - namespaces of a room besides user, mount and pid: IPC, host name, network. */
#ifndef BERTH_NS_H
#define BERTH_NS_H

struct berth_err;
struct room_spec;

/* The CLONE_NEW... flags of what 'spec' asks for. */
int ns_flags(const struct room_spec *spec);

/* In the new namespaces: set the host name; the network has a loopback that is up, and no more. */
int ns_set_up(const struct room_spec *spec, struct berth_err *err);

#endif
