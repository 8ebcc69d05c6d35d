/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * type.c - a payload that types on its terminal for the user, by every kind of system call that a
 * program can make. Prints "typed HOW" for what worked. Linked statically, so that it runs in any image.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static void tell(const char *how, long rc)
{
	if (rc == 0)
		(void)printf("typed %s\n", how);
}

int main(void)
{
	/* below 4 GiB, for the calls of 32 bits */
	char *key = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (key == MAP_FAILED)
		return 1;
	*key = '!';
	tell("plainly", syscall(SYS_ioctl, 0, (unsigned long)TIOCSTI, key));
	tell("with high bits", syscall(SYS_ioctl, 0, TIOCSTI | 1UL << 32, key));
	tell("on /dev/tty", syscall(SYS_ioctl, open("/dev/tty", O_RDWR), (unsigned long)TIOCSTI, key));
#ifdef __x86_64__
	tell("as x32", syscall(0x40000000 | 514, 0, (unsigned long)TIOCSTI, key));
	tell("as x32 of old", syscall(0x40000000 | SYS_ioctl, 0, (unsigned long)TIOCSTI, key));
	{
		long rc;

		__asm__ volatile("int $0x80" : "=a"(rc) : "a"(54), "b"(0), "c"(TIOCSTI), "d"(key) : "memory");
		tell("as i386", rc);
	}
#endif
	(void)puts("tried");
	return 0;
}
