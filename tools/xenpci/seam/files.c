/* SPDX-License-Identifier: MIT */
/*
 * The host's file system, below an opened root folder. Everything goes by way of openat(), so that
 * a root is a root for relative paths; symbolic links with absolute texts are read, never followed
 * by xenpci itself. One thread; the lock is flock()'s and ends with the process.
 */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/memory.h"
#include "base/number.h"

struct files {
	int root;
};

struct files *files_open(const char *root)
{
	struct files *files;
	int fd = open(root ? root : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	files = memory_grow(NULL, 1, sizeof(*files));
	files->root = fd;
	return files;
}

void files_close(struct files *files)
{
	if (!files)
		return;
	close(files->root);
	free(files);
}

/* As much as there is, up to size: sysfs gives an attribute in one piece, config space may not. */
static ssize_t read_all(int fd, char *buffer, size_t size)
{
	size_t done = 0;
	ssize_t got;

	while (done < size) {
		got = read(fd, buffer + done, size - done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return done ? (ssize_t)done : -errno;
		if (!got)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

ssize_t files_read(struct files *files, const char *path, char *buffer, size_t size)
{
	int fd = openat(files->root, path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return -errno;
	got = read_all(fd, buffer, size - 1);
	close(fd);
	if (got >= 0)
		buffer[got] = '\0';
	return got;
}

int files_write(struct files *files, const char *path, const void *data, size_t size, off_t offset)
{
	int fd = openat(files->root, path, O_WRONLY | O_CLOEXEC);
	ssize_t put;
	int err = 0;

	if (fd < 0)
		return -errno;
	put = pwrite(fd, data, size, offset);
	if (put < 0)
		err = -errno;
	else if ((size_t)put != size)
		err = -EIO;
	close(fd);
	return err;
}

static int make_folders(struct files *files, const char *path)
{
	char *folder = text_copy(path), *slash;
	int err = 0;

	for (slash = strchr(folder, '/'); slash && !err; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdirat(files->root, folder, 0755) && errno != EEXIST)
			err = -errno;
		*slash = '/';
	}
	free(folder);
	return err;
}

static int write_new(struct files *files, const char *path, const char *text)
{
	int fd = openat(files->root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
			0644);
	size_t size = strlen(text);
	ssize_t put;
	int err = 0;

	if (fd < 0)
		return -errno;
	put = write(fd, text, size);
	if (put < 0 || fsync(fd))
		err = -errno;
	else if ((size_t)put != size)
		err = -ENOSPC;
	close(fd);
	return err;
}

int files_replace(struct files *files, const char *path, const char *text)
{
	char *fresh;
	int err;

	if (!text)
		return unlinkat(files->root, path, 0) && errno != ENOENT ? -errno : 0;
	err = make_folders(files, path);
	if (err)
		return err;
	fresh = text_format("%s.new", path);
	err = write_new(files, fresh, text);
	if (!err && renameat(files->root, fresh, files->root, path))
		err = -errno;
	if (err)
		unlinkat(files->root, fresh, 0);
	free(fresh);
	return err;
}

int files_link(struct files *files, const char *path, char *buffer, size_t size)
{
	ssize_t got = readlinkat(files->root, path, buffer, size);

	if (got < 0)
		return -errno;
	if ((size_t)got >= size)
		return -ENAMETOOLONG;
	buffer[got] = '\0';
	return 0;
}

bool files_exists(struct files *files, const char *path)
{
	return faccessat(files->root, path, F_OK, 0) == 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

ssize_t files_list(struct files *files, const char *path, char ***names)
{
	int fd = openat(files->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	size_t count = 0;
	DIR *dir;

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	*names = NULL;
	while ((entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		*names = memory_grow(*names, count + 1, sizeof(**names));
		(*names)[count++] = text_copy(entry->d_name);
	}
	closedir(dir);
	if (count)
		qsort(*names, count, sizeof(**names), by_name);
	return (ssize_t)count;
}

int files_lock(struct files *files, const char *path, pid_t *holder)
{
	char text[16] = "";
	uint64_t pid = 0;
	int fd, err;

	err = make_folders(files, path);
	if (err)
		return err;
	fd = openat(files->root, path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		err = -errno;
		if (pread(fd, text, sizeof(text) - 1, 0) > 0)
			number_parse(text, 10, INT32_MAX, &pid, NULL);
		*holder = (pid_t)pid;
		close(fd);
		return err;
	}
	/* Only to tell the next who asks; the lock does not depend on it. The fd stays open. */
	snprintf(text, sizeof(text), "%d\n", getpid());
	if (ftruncate(fd, 0) || pwrite(fd, text, strlen(text), 0) < 0)
		return 0;
	return 0;
}
