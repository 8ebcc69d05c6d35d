/* SPDX-License-Identifier: BSD-3-Clause */
/* time.c - times as documents spell them (RFC 3339); see image_config.h. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "libimage/oci/image_config.h"

/* Days since 1970-01-01 of a date of the Gregorian calendar, whose year begins in March here. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;

	return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* 'n' digits at *p, which moves on. -1: there are none. */
static int digits(const char **p, int n)
{
	int v = 0;

	for (int i = 0; i < n; i++, (*p)++) {
		if (**p < '0' || **p > '9')
			return -1;
		v = v * 10 + (**p - '0');
	}
	return v;
}

static int month_days(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* "Z", or hours and minutes ahead of it, as seconds. */
static int zone(const char *p, int64_t *ret)
{
	int sign = *p == '-' ? -1 : 1, hour, minute;

	if (strcmp(p, "Z") == 0 || strcmp(p, "z") == 0) {
		*ret = 0;
		return 0;
	}
	if (*p != '+' && *p != '-')
		return -1;
	p++;
	hour = digits(&p, 2);
	if (hour < 0 || hour > 23 || *p++ != ':')
		return -1;
	minute = digits(&p, 2);
	if (minute < 0 || minute > 59 || *p != '\0')
		return -1;
	*ret = sign * (hour * 3600 + minute * 60);
	return 0;
}

int oci_time_parse(const char *text, int64_t *ret)
{
	static const struct {
		int n, least, most;
		const char *after; /* one of these characters */
	} fields[] = { { 4, 0, 9999, "-" }, { 2, 1, 12, "-" }, { 2, 1, 31, "Tt " }, { 2, 0, 23, ":" },
		       { 2, 0, 59, ":" },   { 2, 0, 60, NULL } };
	const char *p = text;
	int64_t ahead;
	int v[6];

	for (int i = 0; i < 6; i++) {
		v[i] = digits(&p, fields[i].n);
		if (v[i] < fields[i].least || v[i] > fields[i].most)
			return -1;
		if (fields[i].after && (*p == '\0' || !strchr(fields[i].after, *p++)))
			return -1;
	}
	if (v[2] > month_days(v[0], v[1]))
		return -1;
	if (*p == '.') {
		size_t n = strspn(p + 1, "0123456789");

		if (n == 0)
			return -1;
		p += 1 + n;
	}
	if (zone(p, &ahead) < 0)
		return -1;
	*ret = days_of(v[0], v[1], v[2]) * 86400 + v[3] * 3600 + v[4] * 60 + v[5] - ahead;
	return 0;
}

const char *oci_time_format(int64_t s, char out[OCI_TIME_SIZE])
{
	int64_t days = s / 86400, rest = s % 86400;
	int year, month = 1;

	if (rest < 0) {
		rest += 86400;
		days--;
	}
	/* the first guess is never too late: no year has more days, or fewer, than that */
	year = (int)(days >= 0 ? days / 366 : days / 365 - 1) + 1970;
	while (days_of(year + 1, 1, 1) <= days)
		year++;
	while (month < 12 && days_of(year, month + 1, 1) <= days)
		month++;
	(void)snprintf(out, OCI_TIME_SIZE, "%04d-%02d-%02dT%02d:%02d:%02dZ", year % 10000, month,
		       (int)(days - days_of(year, month, 1)) + 1, (int)(rest / 3600), (int)(rest / 60 % 60),
		       (int)(rest % 60));
	return out;
}
