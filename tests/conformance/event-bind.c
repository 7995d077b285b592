/* SPDX-License-Identifier: MIT */
/* event_channel_op: channels bound to a VIRQ, to another vCPU, to nothing but ourselves. */
#include "event.h"

static void virqs(void)
{
	static const struct {
		const char *name;
		uint32_t virq, vcpu;
	} cases[] = {
		{"virq-debug", VIRQ_DEBUG, 0},
		{"virq-console", VIRQ_CONSOLE, 0},
		{"virq-dom-exc", VIRQ_DOM_EXC, 0},
		{"virq-con-ring", VIRQ_CON_RING, 0},
		{"virq-pcpu-state", VIRQ_PCPU_STATE, 0},
		{"virq-arch-0", VIRQ_ARCH_0, 0},
		{"virq-arch-7", VIRQ_ARCH_7, 0},
		{"virq-unused-15", 15, 0},
		{"virq-24", 24, 0},
		{"virq-all-ones", ~0U, 0},
		{"virq-global-vcpu-1", VIRQ_DOM_EXC, 1},
		{"virq-debug-vcpu-1", VIRQ_DEBUG, 1},
		{"virq-debug-vcpu-8192", VIRQ_DEBUG, 8192},
		{"virq-debug-vcpu-all-ones", VIRQ_DEBUG, ~0U},
		{"virq-24-vcpu-1", 24, 1},
	};
	char name[64];
	size_t i;

	for (i = 0; i < LEN(cases); i++) {
		struct evtchn_bind_virq b = {.virq = cases[i].virq, .vcpu = cases[i].vcpu};
		struct evtchn_bind_virq again = b;
		int rc = event_op(EVTCHNOP_bind_virq, &b);

		conf(cases[i].name, "%s", conf_err(rc));
		if (rc)
			continue;
		event_status(conf_name(name, cases[i].name, "status"), b.port, cases[i].virq);
		conf(conf_name(name, cases[i].name, "again"), "%s",
		     conf_err(event_op(EVTCHNOP_bind_virq, &again)));
		conf(conf_name(name, cases[i].name, "send"), "%s", conf_err(event_send(b.port)));
		conf(conf_name(name, cases[i].name, "close"), "%s", conf_err(event_close(b.port)));
	}
}

static void ipis(void)
{
	static volatile unsigned int fired;
	static const struct {
		const char *name;
		uint32_t vcpu;
	} cases[] = {
		{"ipi-vcpu-1", 1},
		{"ipi-vcpu-8192", 8192},
		{"ipi-vcpu-all-ones", ~0U},
	};
	struct evtchn_bind_ipi b = {.vcpu = 0};
	struct evtchn_bind_vcpu move;
	evtchn_port_t local;
	size_t i;
	int rc;

	for (i = 0; i < LEN(cases); i++) {
		struct evtchn_bind_ipi wrong = {.vcpu = cases[i].vcpu};

		conf(cases[i].name, "%s", conf_err(event_op(EVTCHNOP_bind_ipi, &wrong)));
	}
	rc = event_op(EVTCHNOP_bind_ipi, &b);
	conf("ipi", "%s", conf_err(rc));
	if (rc)
		return;
	event_status("ipi-status", b.port, 0);
	rc = xen_evtchn_bind(b.port, 0, event_count, (void *)(uintptr_t)&fired);
	event_unmask(b.port);
	fired = 0;
	rc = rc ? rc : event_send(b.port);
	conf("ipi-send", "%s fired=%u", conf_err(rc), fired);
	conf("ipi-bind-interdomain", "%s", conf_err(event_bind(DOMID_SELF, b.port, &local)));
	move = (struct evtchn_bind_vcpu){.port = b.port, .vcpu = 0};
	conf("ipi-bind-vcpu", "%s", conf_err(event_op(EVTCHNOP_bind_vcpu, &move)));
	xen_evtchn_unbind(b.port);
	conf("ipi-close", "%s", conf_err(event_close(b.port)));
}

/* Moving a channel to another vCPU. */
static void vcpus(void)
{
	struct evtchn_bind_vcpu move = {.port = 0};
	evtchn_port_t port;

	conf("vcpu-port-0", "%s", conf_err(event_op(EVTCHNOP_bind_vcpu, &move)));
	move.port = 4000;
	conf("vcpu-port-free", "%s", conf_err(event_op(EVTCHNOP_bind_vcpu, &move)));
	if (event_alloc(DOMID_SELF, DOMID_SELF, &port))
		return;
	move.port = port;
	conf("vcpu-unbound", "%s", conf_err(event_op(EVTCHNOP_bind_vcpu, &move)));
	move.vcpu = 1;
	conf("vcpu-1", "%s", conf_err(event_op(EVTCHNOP_bind_vcpu, &move)));
	move.vcpu = ~0U;
	conf("vcpu-all-ones", "%s", conf_err(event_op(EVTCHNOP_bind_vcpu, &move)));
	event_close(port);
}

void conf_event_bind(void)
{
	virqs();
	ipis();
	vcpus();
}
