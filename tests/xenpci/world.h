/* SPDX-License-Identifier: MIT */
/*
 * A host for xenpci's tests: sysfs, xenstore and hypervisor in memory, behind the same three seams
 * (tools/xenpci/seam/{files,store,hv}.h), with pciback and one guest's pcifront that act when
 * xenpci waits. Calls are counted, and the one with a given number can fail, be interrupted, or be
 * the last before death.
 *
 * All that a test wants to be as before is in world_dump(): one text of everything that xenpci may
 * change. The world is one global, made anew by world_make().
 */
#ifndef XENDMA_TESTS_XENPCI_WORLD_H
#define XENDMA_TESTS_XENPCI_WORLD_H

#include "xenpci/seam/context.h"
#include "xenpci/domain/grants.h"

#define WORLD_DOMAINS 6
#define WORLD_DEVICES 8

enum guest_mode {
	GUEST_WORKS,
	GUEST_ABSENT,	/* no frontend driver: never touches its nodes */
	GUEST_SLEEPS,	/* connects at first, then reacts to nothing */
	GUEST_LEAVES,	/* closes its device as soon as it is offered something */
	GUEST_CHATTERS, /* writes its nodes without end, and says nothing */
	GUEST_FLIPS,	/* goes through all states for ever, and pciback follows */
	GUEST_TWITCHES, /* connected, initialising, connected...: nobody follows */
	GUEST_STALLS,	/* begins to give up what it is asked for, and does not go on */
};

struct world_domain {
	uint32_t id;
	bool exists, pv, dying;
	bool passthrough; /* created with it */
	enum guest_mode guest;
	struct grants grants;
	uint64_t pirqs; /* bit a PIRQ below 64 */
};

struct world_device {
	struct bdf bdf;
	char driver[32];
	bool permissive, slot;
	uint32_t owner; /* of its IOMMU context: 0, a domain, HV_DOMID_IO */
	bool msi_stays; /* a broken pciback leaves it on */
	bool exported;	/* pciback has it in some guest's hands */
	uint32_t user;	/* that guest */
	bool held;	/* pciback does not let go of it */
	bool left_on;	/* pciback does not stop it when it lets go */
	unsigned int resets;
	unsigned int resets_max; /* so many work; 0: all */
	bool refused;		 /* by all drivers but pciback */
	uint8_t config[256];
};

struct world {
	bool iommu;
	struct world_domain domain[WORLD_DOMAINS];
	size_t domains;
	struct world_device device[WORLD_DEVICES];
	size_t devices;
	uint64_t clock;	       /* ms */
	unsigned int event_ms; /* that an event takes, and one more */

	unsigned long calls;	    /* of seam functions, so far */
	unsigned long fail_at;	    /* this one fails with EIO; 0: none */
	unsigned long dead_from;    /* from this one on nothing has an effect; 0: never */
	unsigned long interrupt_at; /* a signal comes before this one; 0: none */
	unsigned int conflicts;	    /* so many commits end in EAGAIN */
	int assign_error;	    /* what assign_device answers, if not 0 */
	bool storm;		    /* a guest writes its nodes between any two calls */
	bool interrupted;
	bool signal_taken;	    /* it has cut a wait short */
	bool locked;		    /* by another process */
	FILE *out;		    /* standard output, if it is not world_output */
	void (*meanwhile)(void);    /* somebody else acts, once, when xenpci waits */
	unsigned long meanwhile_at; /* or before this call */
};

extern struct world world;

/* One PV domain with number 1, two devices bound to pciback, and what else xenpci expects. */
void world_make(void);
void world_free(void);

struct world_domain *world_domain(uint32_t id);
struct world_device *world_device(const char *bdf);

/*
 * A device: `resource` is the text of the file, gsi 0 for no line. driver "" for none.
 */
struct world_device *world_add_device(const char *bdf, const char *driver, const char *resource,
				      unsigned int gsi);
/*
 * MSI and MSI-X: a guest's driver turns on whatever there is. While pciback has MSI on for it,
 * sysfs shows the message in place of the line.
 */
#define WORLD_MESSAGE "38"
#define WORLD_MSI 0x40
#define WORLD_MSIX 0x50
void world_add_messages(struct world_device *device);
bool world_shows_message(const struct world_device *device);
void world_add_domain(uint32_t id, const char *name, bool pv, bool passthrough);

/* Everything that xenpci may change, as text, to be freed. */
char *world_dump(void);

/* Direct access behind the seams' backs, not counted. text NULL removes. */
void world_put_file(const char *path, const char *text);
void world_put_link(const char *path, const char *text);
const char *world_file(const char *path); /* NULL if there is none */
void world_put_node(const char *path, const char *value);
const char *world_node(const char *path);

void world_meanwhile(void);

/* For the parts of the fake: counts a call of an opened seam. -EIO if it has to fail, else 0. */
int world_call(const void *handle);
/* The same, but nobody acts before it: a look and the deed that depends on it are two calls. */
int world_file_call(const void *handle);

/* pciback and the guests act once; false if there was nothing to do. */
bool guest_act(void);

/* Functions that are in no guest's nodes any more are free again; world_dump() begins with it. */
void guest_forget(void);

/* Does pciback have anything for that guest? */
bool world_serves(uint32_t domain);

/* What had an effect on device and hypervisor, in order: "reset 0000:00:06.0\n". */
extern char world_log[16384];
void world_note(const char *what, struct bdf bdf);

/* The parts' own beginnings and ends. */
void files_reset(void);
void store_reset(void);
void files_dump(FILE *file);
void store_dump(FILE *file);
bool store_changed(void); /* since asked last */

/* Run a command line as main() would: "attach 1 0000:00:06.0". Output in world_output. */
enum exit_status world_run(const char *line);
extern char world_output[16384];

#endif
