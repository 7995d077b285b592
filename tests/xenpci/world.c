/* SPDX-License-Identifier: MIT */
/*
 * The fake host as a whole: counting, time, signals, and running a command in it. One thread.
 */
#include "world.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "xenpci/seam/interrupt.h"

const struct command commands[] = {
	{"list", "", "", run_list},
	{"assignable", "", "", run_assignable},
	{"status", "", "", run_status},
	{"attach", "", "", run_attach},
	{"detach", "", "", run_detach},
	{"check", "", "", run_check},
	{"explain", "", "", run_explain},
	{"map", "", "", run_map},
	{0},
};

struct world world;
char world_output[16384];

char world_log[16384];

void world_note(const char *what, struct bdf bdf)
{
	size_t length = strlen(world_log);

	snprintf(world_log + length, sizeof(world_log) - length, "%s %s\n", what, BDF_STR(bdf));
}

void world_meanwhile(void)
{
	void (*meanwhile)(void) = world.meanwhile;

	world.meanwhile = NULL;
	if (meanwhile)
		meanwhile();
}

int world_call(const void *handle)
{
	if (world.meanwhile_at == world.calls + 1)
		world_meanwhile();
	return world_file_call(handle);
}

int world_file_call(const void *handle)
{
	unsigned long call = ++world.calls;

	if (!handle)
		abort();
	if (world.interrupt_at == call)
		world.interrupted = true;
	if (world.fail_at == call || (world.dead_from && call >= world.dead_from))
		return -EIO;
	return 0;
}

bool context_interrupted(void)
{
	return world.interrupted;
}

uint64_t context_clock(void)
{
	return world.clock;
}

void interrupt_catch(void)
{
}

struct world_domain *world_domain(uint32_t id)
{
	size_t i;

	for (i = 0; i < world.domains; i++)
		if (world.domain[i].id == id && world.domain[i].exists)
			return &world.domain[i];
	return NULL;
}

void world_add_domain(uint32_t id, const char *name, bool pv, bool passthrough)
{
	char path[64], value[64];

	world.domain[world.domains++] = (struct world_domain){
		.id = id, .exists = true, .pv = pv, .passthrough = passthrough};
	snprintf(path, sizeof(path), "/local/domain/%u/name", id);
	world_put_node(path, name);
	snprintf(path, sizeof(path), "/local/domain/%u/vm", id);
	snprintf(value, sizeof(value), "/vm/00000000-0000-0000-0000-%012u", id + 100);
	world_put_node(path, value);
	snprintf(path, sizeof(path), "/local/domain/%u/device", id);
	world_put_node(path, "");
}

void world_free(void)
{
	files_reset();
	store_reset();
}

void world_make(void)
{
	world_free();
	memset(&world, 0, sizeof(world));
	*world_log = '\0';
	world.clock = 1000000;
	world_put_node("/tool", "");
	world_put_node("/libxl", "");
	world_put_node("/local/domain/0/backend", "");
	world_add_domain(0, "Domain-0", true, false);
	world_add_domain(1, "guest", true, true);
	world_put_file("sys/bus/pci/drivers/pciback/new_slot", "");
	world_add_device("0000:00:06.0", "pciback",
			 "0x00000000fe000000 0x00000000fe01ffff 0x0000000000040200\n"
			 "0x000000000000c000 0x000000000000c01f 0x0000000000040101\n"
			 "0x0000000000000000 0x0000000000000000 0x0000000000000000\n",
			 22);
	world_add_device("0000:00:07.0", "pciback",
			 "0x0000000800000000 0x00000008003fffff 0x000000000014220c\n"
			 "0x0000000000000000 0x0000000000000000 0x0000000000000000\n",
			 23);
}

static void dump_domain(FILE *file, const struct world_domain *domain)
{
	char *text = grants_format(&domain->grants);

	if (domain->exists)
		fprintf(file, "domain %u: %s pirqs %#llx\n", domain->id, text,
			(unsigned long long)domain->pirqs);
	free(text);
}

char *world_dump(void)
{
	char *text = NULL;
	size_t size, i;
	FILE *file = open_memstream(&text, &size);

	guest_forget();
	for (i = 0; i < world.domains; i++)
		dump_domain(file, &world.domain[i]);
	for (i = 0; i < world.devices; i++)
		fprintf(file, "%s: driver %s%s%s%s owner %#x master %d\n",
			BDF_STR(world.device[i].bdf), world.device[i].driver,
			world.device[i].permissive ? " permissive" : "",
			world.device[i].slot ? " slot" : "",
			world.device[i].exported ? " exported" : "", world.device[i].owner,
			world.device[i].config[4] & 4);
	files_dump(file);
	store_dump(file);
	fclose(file);
	return text;
}

static enum exit_status run(struct context *context, int argc, char **argv)
{
	const struct command *command;

	for (command = commands; command->name; command++)
		if (!strcmp(command->name, argv[0])) {
			optind = 0;
			opterr = 0;
			return command->run(context, argc, argv);
		}
	return EXIT_USAGE;
}

enum exit_status world_run(const char *line)
{
	FILE *file = fmemopen(world_output, sizeof(world_output), "w");
	struct context context = {.out = world.out ? world.out : file, .err = file};
	char *words = strdup(line), *argv[32], *rest, *word;
	enum exit_status status;
	int argc = 0;

	guest_forget(); /* pciback needs no command for that */
	setvbuf(file, NULL, _IONBF, 0);
	memset(world_output, 0, sizeof(world_output));
	for (word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		argv[argc++] = word;
	argv[argc] = NULL;
	status = context_end(&context, run(&context, argc, argv));
	fclose(file);
	free(words);
	return status;
}
