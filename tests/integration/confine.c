/*
 * confine RULES PROGRAM ARGUMENTS...: runs a program under a seccomp filter, as systemd would. RULES is a file of lines
 *
 *     call NAME               a system call that is allowed; all others fail with EPERM
 *     family NAME             an address family that sockets may have
 *     no_write_execute        no memory that is both written and executed
 *
 * libseccomp makes the filter. Before the program begins, what has to be refused is tried.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct {
    const char *name;
    int number;
} families[] = {{"AF_UNIX", AF_UNIX}, {"AF_INET", AF_INET}, {"AF_INET6", AF_INET6}, {"AF_NETLINK", AF_NETLINK}};

struct rules {
    scmp_filter_ctx filter;
    bool no_write_execute, some_families;
};

_Noreturn static void give_up(const char *what, const char *which)
{
    fprintf(stderr, "confine: %s %s\n", what, which);
    exit(1);
}

static void must(int rc, const char *what)
{
    if (rc < 0)
        give_up(strerror(-rc), what);
}

/* Where an argument's bits `mask` are `value`. */
static void allow_where(const struct rules *rules, int call, unsigned argument, scmp_datum_t mask, scmp_datum_t value)
{
    must(seccomp_rule_add(rules->filter, SCMP_ACT_ALLOW, call, 1, SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, mask, value)),
         "conditional rule");
}

/* A call whose arguments have rules of their own: false where it has none. */
static bool allow_partly(const struct rules *rules, int call)
{
    const scmp_datum_t both = PROT_WRITE | PROT_EXEC;
    if (call == SCMP_SYS(socket) && rules->some_families)
        return true; /* by its families */
    if (!rules->no_write_execute)
        return false;
    if (call == SCMP_SYS(mmap)) {
        allow_where(rules, call, 2, both, 0);
        allow_where(rules, call, 2, both, PROT_WRITE);
        allow_where(rules, call, 2, both, PROT_EXEC);
        return true;
    }
    if (call == SCMP_SYS(mprotect) || call == SCMP_SYS(pkey_mprotect) || call == SCMP_SYS(shmat)) {
        scmp_datum_t execute = call == SCMP_SYS(shmat) ? SHM_EXEC : PROT_EXEC;
        allow_where(rules, call, 2, execute, 0);
        return true;
    }
    return false;
}

static void allow_call(const struct rules *rules, const char *name)
{
    int call = seccomp_syscall_resolve_name(name);
    if (call == __NR_SCMP_ERROR || allow_partly(rules, call))
        return; /* a newer system's */
    int rc = seccomp_rule_add(rules->filter, SCMP_ACT_ALLOW, call, 0);
    if (rc != -EDOM) /* of another architecture */
        must(rc, name);
}

static void allow_family(const struct rules *rules, const char *name)
{
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (strcmp(families[i].name, name) == 0) {
            must(seccomp_rule_add(rules->filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                                  SCMP_CMP(0, SCMP_CMP_EQ, (scmp_datum_t)families[i].number)),
                 name);
            return;
        }
    give_up("unknown family", name);
}

/* `lines` are read twice: first what says how the others count. */
static void read_rules(FILE *lines, struct rules *rules)
{
    char line[256], word[64];
    while (fgets(line, sizeof line, lines)) {
        rules->no_write_execute |= strcmp(line, "no_write_execute\n") == 0;
        rules->some_families |= strncmp(line, "family ", 7) == 0;
    }
    rewind(lines);
    while (fgets(line, sizeof line, lines))
        if (sscanf(line, "call %63s", word) == 1)
            allow_call(rules, word);
        else if (sscanf(line, "family %63s", word) == 1)
            allow_family(rules, word);
        else if (strcmp(line, "no_write_execute\n") != 0)
            give_up("not a rule:", line);
}

static void expect_refused(bool refused, const char *what)
{
    if (!refused || errno != EPERM)
        give_up("the filter lets pass:", what);
}

static void try_it(const struct rules *rules)
{
    expect_refused(chroot("/") != 0, "chroot");
    if (rules->some_families)
        expect_refused(socket(AF_PACKET, SOCK_RAW, 0) < 0, "a socket of another family");
    if (rules->no_write_execute)
        expect_refused(mmap(NULL, 1, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED,
                       "memory that is written and executed");
}

int main(int argc, char **argv)
{
    struct rules rules = {.filter = seccomp_init(SCMP_ACT_ERRNO(EPERM))};
    FILE *lines = argc > 2 ? fopen(argv[1], "re") : NULL;
    if (!lines || !rules.filter)
        give_up("usage: confine RULES PROGRAM ARGUMENTS...;", argc > 1 ? argv[1] : "");
    read_rules(lines, &rules);
    fclose(lines);
    must(seccomp_load(rules.filter), "seccomp_load");
    try_it(&rules);
    seccomp_release(rules.filter);
    execv(argv[2], argv + 2);
    give_up(strerror(errno), argv[2]);
}
