/* user list and user set. */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/jobs.h"

static json_t *users_json(const struct wire_users *users)
{
    json_t *list = json_array();
    for (size_t i = 0; i < users->users.count; i++) {
        const struct wire_user_info *u = &WIRE_ITEMS(users->users, user_info)[i];
        json_array_append_new(
            list, json_pack("{s:s,s:f,s:I,s:I,s:I,s:I}", "user", u->user, "share", u->share, "jobs",
                            (json_int_t)u->jobs, "most_jobs", (json_int_t)u->most_jobs, "tasks",
                            (json_int_t)u->tasks, "most_tasks", (json_int_t)u->most_tasks));
    }
    return json_pack("{s:o}", "users", list);
}

static void print_users(FILE *out, const struct wire_users *users)
{
    fprintf(out, "%8s  %21s  %31s  %s\n", "SHARE", "OPEN JOBS", "QUEUED TASKS", "USER");
    for (size_t i = 0; i < users->users.count; i++) {
        const struct wire_user_info *u = &WIRE_ITEMS(users->users, user_info)[i];
        fprintf(out, "%8g  %10llu/%-10llu  %15llu/%-15llu  %s\n", u->share,
                (unsigned long long)u->jobs, (unsigned long long)u->most_jobs,
                (unsigned long long)u->tasks, (unsigned long long)u->most_tasks, u->user);
    }
}

static int ask_users(struct cli *cli, enum wire_type type, const void *body)
{
    struct error err = {0};
    struct client_reply reply = {0};
    if (client_once(cli_broker(cli), type, body, WIRE_USERS, &reply, &err) != 0)
        return cli_fail(cli, &err);
    int code = CLI_OK;
    if (cli_json(cli))
        code = jobs_print_json(cli, users_json(WIRE_BODY(&reply.message, users)));
    else
        print_users(cli->out, WIRE_BODY(&reply.message, users));
    client_reply_free(&reply);
    return code;
}

int command_user_list(struct cli *cli)
{
    return ask_users(cli, WIRE_USER_LIST, &(struct wire_user_list){.request = 1});
}

int command_user_set(struct cli *cli)
{
    struct wire_user_set body = {
        .request = 1,
        .user = cli->operands[0],
        .share = cli_real(cli, "share"),
        .jobs = cli_uint(cli, "jobs"),
        .tasks = cli_uint(cli, "tasks"),
    };
    return ask_users(cli, WIRE_USER_SET, &body);
}
