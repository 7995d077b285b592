/* SPDX-License-Identifier: MIT */
/*
 * event_channel_op: channels with two ends in this domain, what their states are called, and what
 * sending does. Deliveries are counted by handlers of the port.
 */
#include "event.h"

int event_close(evtchn_port_t port)
{
	struct evtchn_close close = {.port = port};

	return event_op(EVTCHNOP_close, &close);
}

int event_send(evtchn_port_t port)
{
	struct evtchn_send send = {.port = port};

	return event_op(EVTCHNOP_send, &send);
}

int event_unmask(evtchn_port_t port)
{
	struct evtchn_unmask unmask = {.port = port};

	return event_op(EVTCHNOP_unmask, &unmask);
}

int event_alloc(domid_t domid, domid_t remote, evtchn_port_t *port)
{
	struct evtchn_alloc_unbound a = {.dom = domid, .remote_dom = remote};
	int rc = event_op(EVTCHNOP_alloc_unbound, &a);

	*port = a.port;
	return rc;
}

int event_bind(domid_t domid, evtchn_port_t remote, evtchn_port_t *port)
{
	struct evtchn_bind_interdomain b = {.remote_dom = domid, .remote_port = remote};
	int rc = event_op(EVTCHNOP_bind_interdomain, &b);

	*port = b.local_port;
	return rc;
}

void event_status(const char *name, evtchn_port_t port, uint32_t peer)
{
	static const char *const words[] = {"closed", "unbound", "interdomain",
					    "pirq",   "virq",	 "ipi"};
	struct evtchn_status s = {.dom = DOMID_SELF, .port = port};
	int rc = event_op(EVTCHNOP_status, &s);
	const char *other = "-";

	if (!rc && s.status == EVTCHNSTAT_interdomain)
		other = conf_is(s.u.interdomain.port == peer, "peer", "stranger");
	if (!rc && s.status == EVTCHNSTAT_unbound)
		other = conf_is(s.u.unbound.dom == peer, "for-peer", "for-other");
	if (!rc && s.status == EVTCHNSTAT_virq)
		other = conf_is(s.u.virq == peer, "virq", "other-virq");
	conf(name, "%s %s vcpu=%u %s", conf_err(rc),
	     rc ? "-" : conf_is(s.status < LEN(words), words[s.status % LEN(words)], "?"), s.vcpu,
	     other);
}

void event_count(void *arg)
{
	++*(volatile unsigned int *)arg;
}

/* Two ends, each with a counter. */
static void loopback(void)
{
	static volatile unsigned int a_fired, b_fired;
	evtchn_port_t a, b, other;
	int rc = event_alloc(DOMID_SELF, DOMID_SELF, &a);

	conf("event-alloc-unbound", "%s port=%s", conf_err(rc), conf_is(a, "positive", "0"));
	event_status("event-status-unbound", a, conf_domid());
	conf("event-send-unbound", "%s", conf_err(event_send(a)));
	rc = event_bind(DOMID_SELF, a, &b);
	conf("event-bind-loopback", "%s port=%s", conf_err(rc), conf_is(b != a, "other", "same"));
	event_status("event-status-first", a, b);
	event_status("event-status-second", b, a);
	rc = xen_evtchn_bind(a, 0, event_count, (void *)(uintptr_t)&a_fired);
	if (!rc)
		rc = xen_evtchn_bind(b, 0, event_count, (void *)(uintptr_t)&b_fired);
	conf("event-handlers", "%s", conf_err(rc));
	conf("event-unmask-first", "%s", conf_err(event_unmask(a)));
	conf("event-unmask-second", "%s", conf_err(event_unmask(b)));
	a_fired = b_fired = 0;
	rc = event_send(a);
	conf("event-send-first", "%s first=%u second=%u", conf_err(rc), a_fired, b_fired);
	rc = event_send(b);
	conf("event-send-second", "%s first=%u second=%u", conf_err(rc), a_fired, b_fired);
	conf("event-bind-bound", "%s", conf_err(event_bind(DOMID_SELF, a, &other)));
	xen_evtchn_unbind(b);
	conf("event-close-second", "%s", conf_err(event_close(b)));
	event_status("event-status-first-then", a, conf_domid());
	event_status("event-status-second-then", b, 0);
	conf("event-send-first-then", "%s", conf_err(event_send(a)));
	conf("event-send-closed", "%s", conf_err(event_send(b)));
	xen_evtchn_unbind(a);
	conf("event-close-first", "%s", conf_err(event_close(a)));
	conf("event-close-again", "%s", conf_err(event_close(a)));
}

/* What one end was sent while the other did not exist is not lost. */
static void bind_after_send(void)
{
	static volatile unsigned int fired;
	evtchn_port_t a, b;
	int rc;

	if (event_alloc(DOMID_SELF, DOMID_SELF, &a))
		return;
	event_send(a);
	if (event_bind(DOMID_SELF, a, &b)) {
		conf("event-bind-after-send", "failed");
		event_close(a);
		return;
	}
	fired = 0;
	rc = xen_evtchn_bind(b, 0, event_count, (void *)(uintptr_t)&fired);
	event_unmask(b);
	conf("event-bind-after-send", "%s fired=%u", conf_err(rc), fired);
	xen_evtchn_unbind(b);
	rc = event_close(a);
	conf("event-close-both", "%s %s", conf_err(rc), conf_err(event_close(b)));
}

static const struct {
	const char *name;
	evtchn_port_t port;
} ports[] = {
	{"port-0", 0},		 {"port-free", 4000},	 {"port-last", 4095},
	{"port-too-high", 4096}, {"port-all-ones", ~0U},
};

static void wrong_ports(void)
{
	evtchn_port_t local;
	char name[64];
	size_t i;

	for (i = 0; i < LEN(ports); i++) {
		evtchn_port_t port = ports[i].port;

		conf(conf_name(name, "event-close", ports[i].name), "%s",
		     conf_err(event_close(port)));
		conf(conf_name(name, "event-send", ports[i].name), "%s",
		     conf_err(event_send(port)));
		conf(conf_name(name, "event-unmask", ports[i].name), "%s",
		     conf_err(event_unmask(port)));
		conf(conf_name(name, "event-bind", ports[i].name), "%s",
		     conf_err(event_bind(DOMID_SELF, port, &local)));
		event_status(conf_name(name, "event-status", ports[i].name), port, 0);
	}
}

static void wrong_domains(void)
{
	static const struct {
		const char *name;
		domid_t domid;
	} domains[] = {
		{"no-such-domain", CONF_NO_DOMAIN},
		{"domid-io", DOMID_IO},
		{"domid-xen", DOMID_XEN},
		{"domid-invalid", DOMID_INVALID},
	};
	evtchn_port_t port;
	char name[64];
	size_t i;
	int rc;

	for (i = 0; i < LEN(domains); i++) {
		domid_t domid = domains[i].domid;
		struct evtchn_status s = {.dom = domid};

		conf(conf_name(name, "event-alloc", domains[i].name), "%s",
		     conf_err(event_alloc(domid, DOMID_SELF, &port)));
		rc = event_alloc(DOMID_SELF, domid, &port);
		conf(conf_name(name, "event-alloc-for", domains[i].name), "%s", conf_err(rc));
		if (!rc) {
			event_status(conf_name(name, "event-status-for", domains[i].name), port,
				     domid);
			event_close(port);
		}
		conf(conf_name(name, "event-bind", domains[i].name), "%s",
		     conf_err(event_bind(domid, 1, &port)));
		conf(conf_name(name, "event-status", domains[i].name), "%s",
		     conf_err(event_op(EVTCHNOP_status, &s)));
	}
	/* A channel for another domain is not ours to bind. */
	if (!event_alloc(DOMID_SELF, CONF_NO_DOMAIN, &port)) {
		evtchn_port_t local;

		conf("event-bind-for-other", "%s", conf_err(event_bind(DOMID_SELF, port, &local)));
		event_close(port);
	}
}

static void odd(void)
{
	static const struct {
		const char *name;
		int cmd;
	} cmds[] = {
		{"event-alloc-no-argument", EVTCHNOP_alloc_unbound},
		{"event-bind-no-argument", EVTCHNOP_bind_interdomain},
		{"event-virq-no-argument", EVTCHNOP_bind_virq},
		{"event-ipi-no-argument", EVTCHNOP_bind_ipi},
		{"event-pirq-no-argument", EVTCHNOP_bind_pirq},
		{"event-close-no-argument", EVTCHNOP_close},
		{"event-send-no-argument", EVTCHNOP_send},
		{"event-unmask-no-argument", EVTCHNOP_unmask},
		{"event-status-no-argument", EVTCHNOP_status},
		{"event-unknown-no-argument", 99},
	};
	struct evtchn_send any = {.port = 0};
	size_t i;

	for (i = 0; i < LEN(cmds); i++)
		conf(cmds[i].name, "%s", conf_err(event_op(cmds[i].cmd, NULL)));
	conf("event-unknown", "%s", conf_err(event_op(99, &any)));
}

void conf_event(void)
{
	loopback();
	bind_after_send();
	wrong_ports();
	wrong_domains();
	odd();
}
