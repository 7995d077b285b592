/* SPDX-License-Identifier: MIT */
/*
 * A broken rule ends the process with the rule's name, the library's log before it. A test that
 * wants to see a rule broken does so in a child, which reports the name through a pipe: what the
 * model had locked at that point is lost with the child. No lock.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <model/internal.h>

#define TEXT 256

static int report_to = -1;

void model_breach(const char *rule, ...)
{
	char text[TEXT];
	va_list ap;

	va_start(ap, rule);
	vsnprintf(text, sizeof(text), rule, ap);
	va_end(ap);
	if (report_to >= 0)
		_exit(write(report_to, text, strlen(text)) < 0);
	model_log_dump();
	fprintf(stderr, "model: %s\n", text);
	abort();
}

bool model_expect_breach(void (*fn)(void *arg), void *arg, const char *rule)
{
	char text[TEXT] = "";
	ssize_t len;
	int fd[2], status;
	pid_t pid;

	if (pipe(fd))
		model_breach("model_expect_breach: no pipe");
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		model_breach("model_expect_breach: no process");
	if (!pid) {
		report_to = fd[1];
		fn(arg);
		_exit(0);
	}
	close(fd[1]);
	len = read(fd[0], text, sizeof(text) - 1);
	close(fd[0]);
	waitpid(pid, &status, 0);
	text[len > 0 ? len : 0] = 0;
	if (len > 0 && !strncmp(text, rule, strlen(rule)))
		return true;
	if (len > 0)
		fprintf(stderr, "model_expect_breach: \"%s\" instead of \"%s\"\n", text, rule);
	else
		fprintf(stderr, "model_expect_breach: %s %d instead of \"%s\"\n",
			WIFSIGNALED(status) ? "signal" : "no breach, status",
			WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), rule);
	return false;
}
