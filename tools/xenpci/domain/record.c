/* SPDX-License-Identifier: MIT */
/*
 * The records in xenstore. Only dom0 may write there; what stands there is checked all the same,
 * since another version or a hand may have written it.
 */
#include "record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/memory.h"
#include "base/number.h"

#define FOLDER "/tool/xenpci"

static const char *const stages[] = {
	[RECORD_ATTACHING] = "attaching",
	[RECORD_ATTACHED] = "attached",
	[RECORD_DETACHING] = "detaching",
};

const char *record_stage_name(enum record_stage stage)
{
	return stages[stage];
}

static char *path_of(struct bdf bdf, const char *key)
{
	return text_format(FOLDER "/%04x-%02x-%02x-%x%s%s", bdf.segment, bdf.bus, bdf_slot(bdf),
			   bdf_function(bdf), *key ? "/" : "", key);
}

/* The folder's name back to an address: bdf_parse() with the separators that paths may hold. */
static bool parse_name(const char *name, struct bdf *bdf)
{
	char text[BDF_TEXT];

	if (strlen(name) != BDF_TEXT - 1 || name[4] != '-' || name[7] != '-' || name[10] != '-')
		return false;
	memcpy(text, name, BDF_TEXT);
	text[4] = text[7] = ':';
	text[10] = '.';
	return bdf_parse(text, bdf);
}

static int read_key(struct store *store, uint32_t t, struct bdf bdf, const char *key, char **value)
{
	char *path = path_of(bdf, key);
	int err = store_read(store, t, path, value);

	free(path);
	return err;
}

static int read_number(struct store *store, uint32_t t, struct bdf bdf, const char *key,
		       uint64_t max, uint64_t *number)
{
	char *value;
	int err = read_key(store, t, bdf, key, &value);

	if (!err && !number_parse(value, 10, max, number, NULL))
		err = -EINVAL;
	free(value);
	return err == -ENOENT ? -EINVAL : err;
}

static int read_stage(struct store *store, uint32_t t, struct bdf bdf, enum record_stage *stage)
{
	char *value;
	int err = read_key(store, t, bdf, "stage", &value);

	if (err)
		return err;
	for (*stage = RECORD_ATTACHING; *stage <= RECORD_DETACHING; ++*stage)
		if (!strcmp(value, stages[*stage]))
			break;
	free(value);
	return *stage > RECORD_DETACHING ? -EINVAL : 0;
}

static int read_texts(struct store *store, uint32_t t, struct record *record)
{
	char *value;
	int err = read_key(store, t, record->bdf, "grants", &value);

	if (!err && !grants_parse(value, &record->grants))
		err = -EINVAL;
	free(value);
	if (err)
		return err == -ENOENT ? -EINVAL : err;
	err = read_key(store, t, record->bdf, "uuid", &value);
	if (!err && strlen(value) < RECORD_UUID)
		memcpy(record->uuid, value, strlen(value) + 1);
	else if (!err)
		err = -EINVAL;
	free(value);
	return err == -ENOENT ? -EINVAL : err;
}

/* Without a stage: 0 if there is no record, -EINVAL if there is something. */
static int is_there(struct store *store, uint32_t t, struct bdf bdf)
{
	char *path = path_of(bdf, ""), *value;
	int err = store_read(store, t, path, &value);

	free(value);
	free(path);
	return err == -ENOENT ? 0 : err ? err : -EINVAL;
}

int record_read(struct store *store, uint32_t t, struct bdf bdf, struct record *record)
{
	uint64_t domain = 0, pid = 0, iommu = 0, permissive = 0;
	int err;

	*record = (struct record){.bdf = bdf};
	err = read_stage(store, t, bdf, &record->stage);
	if (err == -ENOENT)
		return is_there(store, t, bdf);
	if (!err)
		err = read_number(store, t, bdf, "domain", 0x7fef, &domain);
	if (!err)
		err = read_number(store, t, bdf, "pid", INT32_MAX, &pid);
	if (!err)
		err = read_number(store, t, bdf, "iommu", 1, &iommu);
	if (!err)
		err = read_number(store, t, bdf, "permissive", 1, &permissive);
	if (!err)
		err = read_texts(store, t, record);
	if (err)
		return err;
	record->domain = (uint32_t)domain;
	record->pid = (uint32_t)pid;
	record->iommu = iommu;
	record->permissive = permissive;
	return 1;
}

static int write_key(struct store *store, uint32_t t, struct bdf bdf, const char *key, char *value)
{
	char *path = path_of(bdf, key);
	int err = store_write(store, t, path, value);

	free(path);
	free(value);
	return err;
}

int record_write(struct store *store, uint32_t t, const struct record *record)
{
	const struct {
		const char *key;
		char *value;
	} field[] = {
		{"stage", text_copy(stages[record->stage])},
		{"domain", text_format("%u", record->domain)},
		{"uuid", text_copy(record->uuid)},
		{"pid", text_format("%u", record->pid)},
		{"iommu", text_format("%d", record->iommu)},
		{"permissive", text_format("%d", record->permissive)},
		{"grants", grants_format(&record->grants)},
	};
	int err = 0, now;
	size_t i;

	for (i = 0; i < sizeof(field) / sizeof(field[0]); i++) {
		now = write_key(store, t, record->bdf, field[i].key, field[i].value);
		if (!err)
			err = now;
	}
	return err;
}

int record_remove(struct store *store, uint32_t t, struct bdf bdf)
{
	char *path = path_of(bdf, ""), **names;
	int err = store_remove(store, t, path);
	ssize_t left = err ? err : store_list(store, t, FOLDER, &names);

	free(path);
	if (left >= 0)
		names_free(names, (size_t)left);
	if (!left)
		return store_remove(store, t, FOLDER);
	return left < 0 && left != -ENOENT ? (int)left : 0;
}

static void add_record(struct store *store, uint32_t t, const char *name, struct records *records,
		       struct report *report)
{
	struct record record;
	struct bdf bdf;
	int got;

	if (!parse_name(name, &bdf)) {
		report_warning(report, "record",
			       "no record of ours: %.40s|in " FOLDER "|"
			       "xenstore-rm it if it is not needed",
			       name);
		return;
	}
	got = record_read(store, t, bdf, &record);
	if (got > 0) {
		records->record = memory_grow(records->record, records->count + 1, sizeof(record));
		records->record[records->count++] = record;
	} else if (got < 0) {
		records->broken =
			memory_grow(records->broken, records->broken_count + 1, sizeof(bdf));
		records->broken[records->broken_count++] = bdf;
		report_warning(report, "record",
			       "%s: its record makes no sense|" FOLDER "/%.40s: %s|"
			       "xenpci detach takes back what the device itself names",
			       BDF_STR(bdf), name, strerror(-got));
	}
}

enum exit_status records_read(struct store *store, uint32_t t, struct records *records,
			      struct report *report)
{
	char **names;
	ssize_t count = store_list(store, t, FOLDER, &names), i;

	*records = (struct records){0};
	if (count == -ENOENT)
		return EXIT_DONE;
	if (count < 0)
		return report_error(report, EXIT_HOST, "no-xenstore",
				    "cannot read xenstore|%s: %s|", FOLDER, strerror((int)-count));
	for (i = 0; i < count; i++)
		add_record(store, t, names[i], records, report);
	names_free(names, (size_t)count);
	return EXIT_DONE;
}

void records_free(struct records *records)
{
	free(records->record);
	free(records->broken);
	*records = (struct records){0};
}

const struct record *records_find(const struct records *records, struct bdf bdf)
{
	size_t i;

	for (i = 0; i < records->count; i++)
		if (bdf_equal(records->record[i].bdf, bdf))
			return &records->record[i];
	return NULL;
}

bool records_is_broken(const struct records *records, struct bdf bdf)
{
	size_t i;

	for (i = 0; i < records->broken_count; i++)
		if (bdf_equal(records->broken[i], bdf))
			return true;
	return false;
}

void records_drop(struct records *records, size_t index)
{
	memmove(&records->record[index], &records->record[index + 1],
		(--records->count - index) * sizeof(records->record[0]));
}
