// SPDX-License-Identifier: GPL-2.0
/*
 * Arm one of the module's numbered fault points: arm NAME. The next pass through
 * it fails once; "gate" and "write_back" stay armed until another one is, such as "off", through
 * which nothing ever passes. "arm" alone lists them.
 */
#include <fcntl.h>
#include <linux/tern.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

/* as enum tern_fault of kmod/fault.h */
static const char *const points[] = {
	NULL, "park_alloc", "park_save", "capture", "sent", "commit", "shell", "become",
	"shed", "load", "resume", "read_pages", "keep", "look", "refuse", "sockets", "gate", "write_back",
	"off",
};

#define NR (sizeof(points) / sizeof(points[0]))

int main(int argc, char **argv)
{
	struct tern_info info = { .size = sizeof(info) };
	unsigned int i;
	int dev;

	for (i = 1; i < NR; i++) {
		if (argc != 2)
			puts(points[i]);
		else if (!strcmp(points[i], argv[1]))
			break;
	}
	if (argc != 2)
		return 0;
	if (i == NR) {
		fprintf(stderr, "arm: no fault point %s\n", argv[1]);
		return 2;
	}
	info.fault = i;
	dev = open("/dev/tern", O_RDWR);
	if (dev < 0 || ioctl(dev, TERN_IOC_INFO, &info)) {
		perror("arm: /dev/tern");
		return 1;
	}
	return 0;
}
