/* SPDX-License-Identifier: MIT */
/*
 * xenpci attach and detach in a fake host: nothing stays behind, whatever fails and whenever it is
 * killed.
 */
#include <string.h>

#include "unit.h"
#include "xenpci/expect.h"

#define BOTH "0000:00:06.0 0000:00:07.0"
#define CALLS_MAX 5000

/* What a loop over all calls does in: none, one or the other mode of the host. */
struct setting {
	const char *name;
	bool iommu;
	const char *before; /* a command line that is run first, or NULL */
	const char *attach; /* what is looked at */
	const char *detach; /* its opposite */
};

static const struct setting settings[] = {
	{"one device, no IOMMU", false, NULL, "attach --no-iommu 1 0000:00:06.0",
	 "detach 1 0000:00:06.0"},
	{"two devices, IOMMU", true, NULL, "attach guest " BOTH, "detach guest " BOTH},
	{"a second device, IOMMU", true, "attach 1 0000:00:06.0", "attach 1 0000:00:07.0",
	 "detach 1 0000:00:07.0"},
	{"permissive, no IOMMU", false, NULL, "attach --no-iommu 1 0000:00:07.0,permissive=1",
	 "detach 1 0000:00:07.0"},
};
#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

static void make(const struct setting *setting)
{
	size_t i;

	world_make();
	world.iommu = setting->iommu;
	for (i = 0; i < world.devices; i++)
		world.device[i].owner = setting->iommu ? HV_DOMID_IO : 0;
	if (setting->before)
		ck_assert_int_eq(world_run(setting->before), EXIT_DONE);
	world.calls = 0;
}

static void there_and_back(void)
{
	char *before;
	size_t i;
	int round;

	for (i = 0; i < SETTINGS; i++) {
		make(&settings[i]);
		before = world_dump();
		for (round = 0; round < 3; round++) {
			expect(EXIT_DONE, settings[i].attach);
			expect(EXIT_DONE, settings[i].detach);
		}
		expect_same(before, settings[i].name, 0);
	}
}

static void grants_of_one(void)
{
	char *text;

	world_make();
	expect(EXIT_DONE, "attach --no-iommu 1 0000:00:06.0");
	text = grants_format(&world_domain(1)->grants);
	ck_assert_str_eq(text, "memory:fe000-fe01f ports:c000-c01f line:16-16");
	ck_assert_uint_eq(world_domain(1)->pirqs, 1 << 22);
	ck_assert_uint_eq(world_device("0000:00:06.0")->resets, 1);
	free(text);
	ck_assert_str_eq(world_node("/libxl/pci/0000-00-06-0/domid"), "1");
	ck_assert_str_eq(world_node("/local/domain/0/backend/pci/1/0/dev-0"), "0000:00:06.0");
	ck_assert_str_eq(world_node("/local/domain/0/backend/pci/1/0/opts-0"),
			 "msitranslate=0,power_mgmt=0,permissive=0,rdm_policy=strict");
	ck_assert_str_eq(world_node("/local/domain/0/backend/pci/1/0/num_devs"), "1");
	ck_assert_str_eq(world_node("/local/domain/0/backend/pci/1/0/domain"), "guest");
	ck_assert_str_eq(world_node("/tool/xenpci/0000-00-06-0/stage"), "attached");
}

/* ---- every call, in turn ---- */

/* Something happens at this call; before is how the host was. Was there such a call? */
typedef bool trial_fn(const struct setting *setting, unsigned long call, char *before);

static void each_call(trial_fn *trial)
{
	const struct setting *setting;
	unsigned long call;
	bool reached;

	for (setting = settings; setting < settings + SETTINGS; setting++)
		for (call = 1, reached = true; reached; call++) {
			ck_assert_uint_lt(call, CALLS_MAX);
			make(setting);
			reached = trial(setting, call, world_dump());
		}
}

static void attach_first(const struct setting *setting)
{
	expect(EXIT_DONE, setting->attach);
	world.calls = 0;
}

/* The command line; what was to happen does not happen again. */
static bool run_to(const char *line, unsigned long call, enum exit_status *status)
{
	unsigned long calls;

	*status = world_run(line);
	calls = world.calls;
	world.fail_at = 0;
	world.dead_from = 0;
	world.interrupt_at = 0;
	world.interrupted = false;
	return calls >= call;
}

static bool fail_attach(const struct setting *setting, unsigned long call, char *before)
{
	enum exit_status status;
	bool reached;

	world.fail_at = call;
	reached = run_to(setting->attach, call, &status);
	if (!status) /* the attach did without what it asked for */
		expect(EXIT_DONE, setting->detach);
	else
		ck_assert_msg(status != EXIT_LEFTOVER, "%s, call %lu: %s", setting->name, call,
			      world_output);
	expect_same(before, setting->name, call);
	return reached;
}

static void fail_each_attach(void)
{
	each_call(fail_attach);
}

static bool interrupt_attach(const struct setting *setting, unsigned long call, char *before)
{
	enum exit_status status;
	bool reached;

	world.interrupt_at = call;
	reached = run_to(setting->attach, call, &status);
	if (!status)
		expect(EXIT_DONE, setting->detach);
	else
		ck_assert_int_eq(status, EXIT_INTERRUPTED);
	expect_same(before, setting->name, call);
	return reached;
}

static void interrupt_each_attach(void)
{
	each_call(interrupt_attach);
}

/* Dead from one call on: what follows has no effect. Then somebody cleans up. */
static bool kill_attach(const struct setting *setting, unsigned long call, char *before)
{
	enum exit_status status;
	bool reached;

	world.dead_from = call;
	reached = run_to(setting->attach, call, &status);
	expect(EXIT_DONE, setting->detach);
	expect_same(before, setting->name, call);
	return reached;
}

static void kill_each_attach(void)
{
	each_call(kill_attach);
}

static bool kill_detach(const struct setting *setting, unsigned long call, char *before)
{
	enum exit_status status;
	bool reached;

	attach_first(setting);
	world.dead_from = call;
	reached = run_to(setting->detach, call, &status);
	expect(EXIT_DONE, setting->detach);
	expect_same(before, setting->name, call);
	return reached;
}

static void kill_each_detach(void)
{
	each_call(kill_detach);
}

/* Either it is as if detach had not been called, or it can be finished. */
static bool fail_detach(const struct setting *setting, unsigned long call, char *before)
{
	enum exit_status status;
	char *attached, *now;
	bool reached;

	attach_first(setting);
	attached = world_dump();
	world.fail_at = call;
	reached = run_to(setting->detach, call, &status);
	now = world_dump();
	if (status && status != EXIT_LEFTOVER)
		ck_assert_msg(!strcmp(attached, now), "%s, call %lu: %s\nwas:\n%s\nis:\n%s",
			      setting->name, call, world_output, attached, now);
	if (status)
		expect(EXIT_DONE, setting->detach);
	expect_same(before, setting->name, call);
	free(attached);
	free(now);
	return reached;
}

static void fail_each_detach(void)
{
	each_call(fail_detach);
}

static bool interrupt_detach(const struct setting *setting, unsigned long call, char *before)
{
	enum exit_status status;
	bool reached;

	attach_first(setting);
	world.interrupt_at = call;
	reached = run_to(setting->detach, call, &status);
	if (status)
		expect(EXIT_DONE, setting->detach);
	expect_same(before, setting->name, call);
	return reached;
}

static void interrupt_each_detach(void)
{
	each_call(interrupt_detach);
}

/* Where in the log of what had an effect; the last such line. */
static size_t logged(const char *what)
{
	const char *at, *last = NULL;

	for (at = world_log; (at = strstr(at, what)); at++)
		last = at;
	ck_assert_msg(last, "no \"%s\" in:\n%s", what, world_log);
	return (size_t)(last - world_log);
}

/* What the guest may have set going stops before the next owner's memory is what it reaches. */
static void stopped_first(void)
{
	struct world_device *device;
	int iommu;

	for (iommu = 0; iommu < 2; iommu++) {
		make(&settings[iommu]);
		device = world_device("0000:00:06.0");
		world_add_messages(device);
		device->left_on = true;
		world_domain(1)->guest = GUEST_ABSENT;
		*world_log = '\0';
		expect(EXIT_TIMEOUT, iommu ? "attach --timeout=1 1 00:06.0"
					   : "attach --timeout=1 --no-iommu 1 00:06.0");
		ck_assert_uint_eq(device->config[0x04], 0);
		ck_assert_uint_eq(device->config[WORLD_MSI + 2], 0);
		ck_assert_uint_eq(device->config[WORLD_MSIX + 3], 0);
		ck_assert_uint_eq(device->resets, 2);
		ck_assert_uint_lt(logged("deny"), logged("config"));
		ck_assert_uint_lt(logged("config"), logged("reset"));
		if (iommu)
			ck_assert_uint_lt(logged("reset"), logged("deassign"));
	}
}

/* What cannot be stopped is not forgotten. */
static void cannot_be_stopped(void)
{
	struct world_device *device;

	make(&settings[1]);
	device = world_device("0000:00:06.0");
	world_domain(1)->guest = GUEST_ABSENT;
	device->resets_max = 1;
	expect(EXIT_LEFTOVER, "attach --timeout=1 1 00:06.0");
	ck_assert_ptr_nonnull(world_node("/tool/xenpci/0000-00-06-0/stage"));
	ck_assert_uint_eq(device->owner, HV_DOMID_IO);
	device->resets_max = 0;
	expect(EXIT_DONE, "detach 1 00:06.0");
	ck_assert_ptr_null(world_node("/tool/xenpci"));
}

static const struct unit_case cases[] = {
	{"what is attached and detached leaves the host as it was", there_and_back},
	{"a device's permissions, PIRQ and nodes are all that is granted", grants_of_one},
	{"XSA-285 386 399 400 449 460: an attach of which any call fails leaves nothing",
	 fail_each_attach},
	{"XSA-302 306: an attach that is undone stops the device first", stopped_first},
	{"a device that an undone attach cannot stop stays noted", cannot_be_stopped},
	{"an attach that is interrupted at any call leaves nothing", interrupt_each_attach},
	{"an attach that is killed at any call is cleaned up by detach", kill_each_attach},
	{"a detach that is killed at any call is finished by detach", kill_each_detach},
	{"a detach of which any call fails is undone or can be finished", fail_each_detach},
	{"a detach that is interrupted at any call can be finished", interrupt_each_detach},
};

UNIT_MAIN("xenpci-attach", cases)
