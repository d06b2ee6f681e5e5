/* The command table. */
#include "cli/commands.h"

#include "common/limits.h"

#define OPTION_END                                                                                 \
    {                                                                                              \
        NULL, CLI_FLAG, NULL, 0, NULL, NULL                                                        \
    }

static const struct cli_option no_options[] = {OPTION_END};

static const struct cli_option up_options[] = {
    {"db", CLI_FILE, "FILE", 0, "farm.db", "the farm's database, made if it is not there"},
    {"store", CLI_FILE, "DIR", 0, "store", "folder of bundles, pictures and shards"},
    {"listen", CLI_TEXT, "ENDPOINT", 0, NULL,
     "where the broker listens [tcp://127.0.0.1:7117; a free port with -- COMMAND]"},
    {"workers", CLI_UINT, "N", 1024, NULL,
     "how many workers, dealt over the devices [one a device]"},
    {"threads", CLI_UINT, "N", 4096, NULL, "threads of each worker on a CPU [its device's choice]"},
    {"device", CLI_TEXT, "DEVICES", 0, NULL,
     "devices of each worker, as facefarm-worker names them; then one worker is enough"},
    {"memory", CLI_TEXT, "SIZE", 0, NULL, "most memory of each device, e.g. 12G [a share of it]"},
    {"label", CLI_TEXT, "LABELS", 0, NULL,
     "what stages may need of each worker, e.g. zone=a,rack=3"},
    {"bundle", CLI_FILE, "DIR", 0, NULL, "bundle to register [the one installed beside facefarm]"},
    {"log", CLI_FILE, "FILE", 0, NULL,
     "where broker and workers log [stderr; DB.log with -- COMMAND]"},
    OPTION_END,
};

#define RANK_OPTIONS                                                                               \
    {"priority",                                                                                   \
     CLI_REAL,                                                                                     \
     "P",                                                                                          \
     100,                                                                                          \
     "0",                                                                                          \
     "rank among your own jobs, -100 to 100; the greatest first"},                                 \
        {"interactive", CLI_FLAG, NULL, 0, NULL,                                                   \
         "before all jobs that are not: its tasks are next on every worker"},                      \
        {"after", CLI_UINT, "JOB", 9007199254740992.0, NULL, "begin when that job is done"},       \
        {"deadline", CLI_TEXT, "WHEN", 0, NULL,                                                    \
         "30m, 2h, 1d from now, or 2026-12-24T18:00: the earliest first among equals"}

static const struct cli_option submit_options[] = {
    {"wait", CLI_FLAG, NULL, 0, NULL, "wait for the job's end, showing its progress"},
    RANK_OPTIONS,
    OPTION_END,
};

static const struct cli_option priority_options[] = {
    {"to", CLI_REAL, "P", 100, "0", "the priority, -100 to 100"},
    OPTION_END,
};

static const struct cli_option user_options[] = {
    {"share", CLI_REAL, "S", 1000, "1", "weight of the user's share of the farm, 0.001 to 1000"},
    {"jobs", CLI_UINT, "N", 9007199254740992.0, "1000", "open jobs at most"},
    {"tasks", CLI_UINT, "N", 9007199254740992.0, "1099511627776", "queued tasks at most"},
    OPTION_END,
};

static const struct cli_option events_options[] = {
    {"follow", CLI_FLAG, NULL, 0, NULL, "the last 20, then what comes, until Ctrl-C"},
    {"since", CLI_UINT, "ID", 9007199254740992.0, NULL, "those behind that event [the oldest kept]"},
    {"job", CLI_UINT, "N", 9007199254740992.0, NULL, "of that job only"},
    OPTION_END,
};

static const struct cli_option retry_options[] = {
    {"failed", CLI_FLAG, NULL, 0, NULL, "what was set aside after its attempts"},
    OPTION_END,
};

static const struct cli_option failures_options[] = {
    {"log", CLI_FLAG, NULL, 0, NULL, "with the worker's last lines"},
    OPTION_END,
};

static const struct cli_option study_options[] = {
    {"faces", CLI_UINT, "N", (double)LIMIT_SAMPLES, "20000", "faces to label and to fit on"},
    {"seeds", CLI_TEXT, "RANGES", 0, NULL,
     "which samples those are, instead of the first N: 0-9999,12000"},
    {"latents", CLI_TEXT, "HASH", 0, NULL,
     "rows of latents that facefarm latents import brought, instead of samples"},
    {"samples", CLI_UINT, "N", (double)LIMIT_SAMPLES, "2000", "faces to write as PNG; 0: none"},
    {"evaluate", CLI_UINT, "N", (double)LIMIT_SAMPLES, "10000",
     "faces to edit and to judge, none of them labelled before; 0: none"},
    {"seed", CLI_UINT, "S", 9007199254740992.0, "1", "seed of the latents"},
    {"name", CLI_TEXT, "NAME", 0, "study", "the job's name"},
    {"bundle", CLI_TEXT, "NAME", 0, "default", "name or hash of a registered bundle"},
    {"target", CLI_TEXT, "EXPR", 0, "age", "direction of the edit that is judged, e.g. -Young"},
    {"distance", CLI_REAL, "A", 1e6, "3", "length of that edit"},
    {"conditions", CLI_TEXT, "A,B", 0, "Male,Eyeglasses",
     "boundaries the judged edit leaves alone; all: every other; none: the plain edit only"},
    {"discount", CLI_REAL, "L", 1, "1",
     "share of each condition's drift that the judged edit takes away, 0 to 1"},
    {"projection", CLI_TEXT, "NAME", 0, "exact",
     "how it holds them: exact, soft (--strength instead of --discount), correlation, naive"},
    {"strength", CLI_REAL, "M", 1e9, "1", "of the soft projection"},
    {"reach", CLI_TEXT, "NAME", 0, "relative",
     "what --distance is: relative, absolute, score, logit, years (an age), more_years"},
    {"limit", CLI_REAL, "A", 1e6, "10", "how far a face may be moved for that"},
    {"estimator", CLI_TEXT, "NAME", 0, NULL, "whose years [the one of role fit]"},
    {"off-target", CLI_REAL, "SD", 1000, "0",
     "stop a face where the other logits have moved by so many standard deviations; 0: no rule"},
    {"sheet-discount", CLI_REAL, "L", 1, "0.9",
     "the same for the sheets, which hold every other boundary: at 1 little is left of an edit"},
    {"sheets", CLI_UINT, "N", 64, "3", "faces on each attribute's sheet of edits; 0: no sheets"},
    {"dry-run", CLI_FLAG, NULL, 0, NULL, "print the job's YAML and submit nothing"},
    {"wait", CLI_FLAG, NULL, 0, NULL, "wait for the job's end, showing its progress"},
    RANK_OPTIONS,
    OPTION_END,
};

static const struct cli_option keygen_options[] = {
    {"role", CLI_TEXT, "ROLE", 0, "client",
     "client: its own jobs; worker: leases; admin: everybody's jobs; broker: the broker itself"},
    {"name", CLI_TEXT, "OWNER", 0, NULL, "whose it is: the owner of a client's jobs [the user's name]"},
    OPTION_END,
};

static const struct cli_option bundle_add_options[] = {
    {"upload", CLI_FLAG, NULL, 0, NULL, "send it also to a broker that seems to be here"},
    OPTION_END,
};

static const struct cli_option bundle_check_options[] = {
    {"device", CLI_TEXT, "DEVICE", 0, NULL, "device to check on, as facefarm-worker names it"},
    OPTION_END,
};

static const struct cli_option latents_options[] = {
    {"samples", CLI_TEXT, "RANGES", 0, "0-999", "which samples, in the order of the rows: 0-9999,12000"},
    {"seed", CLI_TEXT, "S", 0, "1", "seed of the latents"},
    {"bundle", CLI_FILE, "DIR", 0, NULL, "bundle that says how they are drawn [the one installed beside facefarm]"},
    {"device", CLI_TEXT, "DEVICE", 0, NULL, "device that maps them, in w and w+"},
    OPTION_END,
};

static const struct cli_option latents_import_options[] = {
    {"store", CLI_FILE, "DIR", 0, "store", "the farm's store"},
    {"space", CLI_TEXT, "SPACE", 0, NULL,
     "what the numbers are: z, w or w+ [w+ where every row has several vectors, else z]"},
    {"array", CLI_TEXT, "NAME", 0, NULL, "which array of a .npz file [the only one]"},
    OPTION_END,
};

static const struct cli_option label_options[] = {
    {"images", CLI_FILE, "DIR", 0, NULL, "folder of PNG and JPEG files"},
    {"bundle", CLI_FILE, "DIR", 0, NULL, "bundle whose labellers score them [the one installed beside facefarm]"},
    {"truth", CLI_FILE, "FILE", 0, NULL, "attributes of the photos: CelebA's list_attr_celeba.txt, or CSV"},
    {"partition", CLI_FILE, "FILE", 0, NULL,
     "which are for training (0), validation (1), test (2): CelebA's list_eval_partition.txt, or CSV"},
    {"scores", CLI_FILE, "FILE", 0, NULL, "write the scores, a line a photo, as CSV"},
    {"device", CLI_TEXT, "DEVICE", 0, NULL, "device to label on, as facefarm-worker names it"},
    OPTION_END,
};

static const struct cli_option bundle_plan_options[] = {
    {"batch", CLI_UINT, "N", 65536, "64", "rows at once"},
    {"device", CLI_TEXT, "DEVICE", 0, NULL, "device to plan for, as facefarm-worker names it"},
    {"tune", CLI_FLAG, NULL, 0, NULL, "first find the fastest blocks on the device, and keep them"},
    OPTION_END,
};

static const struct cli_option boundary_export_options[] = {
    {"db", CLI_FILE, "FILE", 0, "farm.db", "the farm's database"},
    {"stage", CLI_TEXT, "NAME", 0, NULL, "fit stage [the last that has boundaries]"},
    OPTION_END,
};

static const struct cli_option boundary_import_options[] = {
    {"store", CLI_FILE, "DIR", 0, "store", "the farm's store"},
    OPTION_END,
};

static const struct cli_option photos_import_options[] = {
    {"store", CLI_FILE, "DIR", 0, "store", "the farm's store"},
    {"truth", CLI_FILE, "FILE", 0, NULL, "attributes of the photos: CelebA's list_attr_celeba.txt, or CSV"},
    {"partition", CLI_FILE, "FILE", 0, NULL,
     "which are for training (0), validation (1), test (2): CelebA's list_eval_partition.txt, or CSV"},
    OPTION_END,
};

static const struct cli_option direction_options[] = {
    {"target", CLI_TEXT, "EXPR", 0, "age", "what is edited, e.g. Young, -Young, Smiling+0.5*Eyeglasses"},
    {"conditions", CLI_TEXT, "A,B=L", 0, "all",
     "boundaries that are held, each with a number of its own, or =free; all: every other; none"},
    {"projection", CLI_TEXT, "HOW", 0, "exact",
     "exact, soft, correlation, or naive (for comparison with published code only)"},
    {"discount", CLI_REAL, "L", 1, "1", "share of each condition's drift that is taken away, 0 to 1"},
    {"strength", CLI_REAL, "M", 1e9, "1", "of each condition in the soft projection, 0 to 1e9"},
    {"sweep", CLI_FLAG, NULL, 0, NULL, "also what other discounts and strengths would give"},
    {"boundaries", CLI_FILE, "DIR", 0, NULL, "take boundaries from .npy files instead of a job"},
    {"stage", CLI_TEXT, "NAME", 0, NULL, "the job's fit stage [the last one]"},
    {"db", CLI_FILE, "FILE", 0, "farm.db", "the farm's database"},
    {"output", CLI_FILE, "FILE", 0, NULL, "write the direction as .npy, (1, d) float32"},
    OPTION_END,
};

static const struct cli_option export_options[] = {
    {"db", CLI_FILE, "FILE", 0, "farm.db", "the farm's database"},
    {"job", CLI_UINT, "ID", 9007199254740992.0, NULL, "the job [the last one]"},
    {"what", CLI_TEXT, "WHAT", 0, "labels", "labels, evaluation, edits, boundaries or latents"},
    {"stage", CLI_TEXT, "NAME", 0, NULL, "whose latents, where several encode stages have some"},
    {"format", CLI_TEXT, "FORMAT", 0, "csv", "csv, jsonl or npy"},
    {"output", CLI_FILE, "PATH", 0, NULL,
     "file to write, - for stdout; a folder for boundaries as npy [-]"},
    OPTION_END,
};

static const struct cli_option db_check_options[] = {
    {"store", CLI_FILE, "DIR", 0, NULL,
     "also compare the files in this store with the SHA-256 that the database has of them"},
    OPTION_END,
};

static const struct cli_option report_options[] = {
    {"db", CLI_FILE, "FILE", 0, "farm.db", "the farm's database"},
    {"store", CLI_FILE, "DIR", 0, "store", "the farm's store, for the pictures"},
    {"job", CLI_UINT, "ID", 9007199254740992.0, NULL, "the job [the last one]"},
    {"output", CLI_FILE, "DIR", 0, "report", "folder to write index.html and sheets/ in"},
    {"compare", CLI_FLAG, NULL, 0, NULL, "lay jobs A and B side by side instead: compare.html, compare.json"},
    {"other-db", CLI_FILE, "FILE", 0, NULL, "the database of job B [that of A]"},
    OPTION_END,
};

const struct cli_command cli_commands[] = {
    {"up", "", 0, 0, "starts a broker and one worker a device on this machine",
     "Starts a broker and one worker for each device of this machine, registers the bundle, and "
     "runs "
     "until it is stopped (Ctrl-C or SIGTERM) or until COMMAND ends. What crashes is started "
     "again. "
     "COMMAND runs with FACEFARM_BROKER set once everything is ready; its exit code is that of "
     "up.\n"
     "\nExample: facefarm up --db farm.db -- facefarm study --faces 2000 --wait",
     up_options, CLI_REST, command_up},
    {"submit", "SPEC.yaml", 1, 1, "submits a job's specification (- reads stdin)",
     "Submits the job that the file specifies and prints its number once it is durable.",
     submit_options, CLI_BROKER, command_submit},
    {"study", "", 0, 0, "submits the whole chain: sample, label, fit, edit, evaluate",
     "Submits one job that samples and labels faces, fits the boundary of every attribute and of "
     "age, "
     "draws a sheet of edits for each (plain and with every other boundary held), and measures the "
     "age before and after the edit of --target over faces that were not labelled. The same seed "
     "gives the same study.",
     study_options, CLI_BROKER, command_study},
    {"job list", "", 0, 0, "lists the jobs, newest first", NULL, no_options, CLI_BROKER,
     command_job_list},
    {"job show", "ID", 1, 1, "shows a job's stages", NULL, no_options, CLI_BROKER,
     command_job_show},
    {"job cancel", "ID", 1, 1, "ends a job", NULL, no_options, CLI_BROKER, command_job_cancel},
    {"job pause", "ID", 1, 1, "pauses a job: its tasks stop and go back",
     "What runs stops within a second and goes back to the queue, without an attempt; what is done "
     "stays "
     "done. A paused job gets no tasks, also over a broker's restart, until it is resumed.",
     no_options, CLI_BROKER, command_job_pause},
    {"job resume", "ID", 1, 1, "lets a paused job go on", NULL, no_options, CLI_BROKER,
     command_job_resume},
    {"job priority", "ID", 1, 1, "ranks a job among its owner's",
     "Sets the priority. Of a user's jobs the one with the greatest priority is worked on first; "
     "between "
     "users their shares decide.",
     priority_options, CLI_BROKER, command_job_priority},
    {"job retry", "ID", 1, 1, "tries again what failed of a job",
     "Puts what was set aside back into the queue, with no attempts counted. A failed job runs "
     "again "
     "from where it was; what is done stays done. --failed says what is tried again, and is "
     "needed, "
     "so that other choices can be added.",
     retry_options, CLI_BROKER, command_job_retry},
    {"job failures", "ID", 1, 1, "lists a job's failed attempts, newest first",
     "Lists the failed attempts: which indices, on which worker and device, why, and (with --log) "
     "the "
     "last lines that the worker logged before.",
     failures_options, CLI_BROKER, command_job_failures},
    {"job wait", "ID", 1, 1, "waits for a job's end, showing its progress",
     "Waits for the job's end. Where stderr is a terminal a line for each stage shows its "
     "progress, "
     "else a line is printed at changes. A broker that is started again in between is waited for.",
     no_options, CLI_BROKER, command_job_wait},
    {"explain", "JOB", 1, 1, "says why each of a job's stages is running, or is not",
     "For each stage: what it waits for (another stage or job, a resume, a worker that has what it "
     "needs, if one of the broker's --fleet could), "
     "which workers could run it and what they do instead, and why that comes first. --json adds a "
     "code "
     "to each reason, for programs.",
     no_options, CLI_BROKER, command_explain},
    {"events", "", 0, 0, "prints the journal: every change of a state, oldest first",
     "Jobs and stages, workers that come, go and fall silent, failed attempts, what was set aside, "
     "keys, users "
     "and the broker itself: who ordered it (with keys), and when. With --follow what happens is "
     "printed as "
     "it happens, also over a broker's restart. --json prints an object a line. Without an admin's "
     "key "
     "one sees the events of one's own jobs. The broker keeps the newest 200,000 (--keep-events).",
     events_options, CLI_BROKER, command_events},
    {"user list", "", 0, 0, "lists users, their shares, limits and what they have queued", NULL,
     no_options, CLI_BROKER, command_user_list},
    {"user set", "NAME", 1, 1, "sets a user's share of the farm and limits",
     "While several users have work, each gets seconds of the workers in proportion to the share. "
     "What is "
     "over a limit is refused when it is submitted. The broker keeps it.",
     user_options, CLI_BROKER, command_user_set},
    {"worker list", "", 0, 0, "lists the workers seen", NULL, no_options, CLI_BROKER,
     command_worker_list},
    {"worker drain", "WORKER|all", 1, 1, "lets workers finish what runs, and end",
     "The worker, by its number or its name, finishes and delivers the task that runs, gives back "
     "what "
     "waits, and ends. No task has failed by it. SIGTERM ends a worker sooner: what runs is "
     "dropped at "
     "the next batch and given back, too.",
     no_options, CLI_BROKER, command_worker_drain},
    {"worker restore", "WORKER|all", 1, 1, "takes back workers that were set aside",
     "A worker on which everything fails is set aside: it stays connected and gets no tasks. "
     "facefarm "
     "worker list shows the reason; this makes it one of the others again.",
     no_options, CLI_BROKER, command_worker_restore},
    {"bundle check", "DIR|FILE.onnx", 1, 1, "says whether a bundle or an ONNX file would run",
     "Checks a bundle on a device of this machine: every file, every operator, every tensor's "
     "shape, "
     "and on eight faces whether the values can be what bundle.yaml says; what is possible but "
     "strange is a line that begins with \"warning:\". Of an ONNX file alone every node that "
     "would not run is listed, with the reason.",
     bundle_check_options, 0, command_bundle_check},
    {"bundle plan", "PATH", 1, 1,
     "prints how a bundle's networks, or an ONNX file, run on a device",
     "Prints the fused graph, one line a step: the algorithm chosen, operations, bytes, predicted "
     "and "
     "measured milliseconds, and the share of the device's multiply-add peak. Tuning changes how "
     "fast later runs are, never what they give; it is kept in FACEFARM_CACHE, or "
     "XDG_CACHE_HOME/facefarm, or ~/.cache/facefarm.",
     bundle_plan_options, 0, command_bundle_plan},
    {"bundle add", "DIR", 1, 1, "registers a bundle with the broker",
     "A broker on this machine copies the folder; to another the bundle is sent, in chunks, and "
     "checked there by its hash. Nothing is sent of one that the broker has. It takes an admin's "
     "key.",
     bundle_add_options, CLI_BROKER, command_bundle_add},
    {"label", "", 0, 0, "scores photos with a bundle's labellers, and judges them",
     "Each photo stands for the generator's whole picture: a labeller takes its crop of it. Prints "
     "the "
     "share of photos that have each attribute; with --truth also how well the labeller agrees: "
     "accuracy "
     "with its 95 % interval (Wilson), base rate (always saying what is more frequent), balanced "
     "accuracy, "
     "F1, AUC, the mean squared error of the probabilities and their calibration error (ten bins), "
     "of the "
     "test part where --partition is given. --json has every part, and the reliability bins. Runs "
     "on this "
     "machine, without a broker. Photos that cannot be read are told on stderr, and counted.",
     label_options, 0, command_label},
    {"photos import", "DIR", 1, 1, "brings photos into a store",
     "Copies every .png, .jpg and .jpeg file of DIR to STORE/photos, under the hash of the list of "
     "their names and "
     "contents, which is printed. An encode stage with images: HASH makes latents of them, which "
     "edit and evaluate "
     "stages with photos: STAGE edit; a label stage with images: HASH scores them. The same files "
     "give the same hash.\n"
     "--truth, and --partition with it, go to STORE/truth; a second line has their hash. A label "
     "stage with truth: HASH "
     "beside images is judged by them when it is done: the view classifier_quality, and the "
     "report, have what "
     "facefarm label --truth prints.",
     photos_import_options, 0, command_photos_import},
    {"latents", "FILE.npy", 1, 1, "writes the latents of samples as a NumPy file (.npy or .npz)",
     "float32 [samples, dimension], in w+ [samples, layers, dimension]: the numbers that the "
     "farm's workers draw, "
     "and map, for the same seed and samples of the bundle. In w they are not truncated (the "
     "generator's input "
     "is). Runs on this machine, without a broker. facefarm latents import brings such files into "
     "a store.",
     latents_options, 0, command_latents},
    {"latents import", "FILE", 1, 1, "brings latents into a store",
     "Takes a .npy file, or an array of a .npz file (stored or deflated): float32 or float64 in C "
     "order, "
     "[rows, dimension], or [rows, vectors, dimension] in w+. Rows are copied to STORE/latents in "
     "blocks, under the "
     "hash of the list of their contents, which is printed. A stage with latents: HASH makes its "
     "faces of them "
     "instead of samples: start, count and seeds are rows. The same numbers give the same hash. "
     "Numbers that are not finite are "
     "refused.",
     latents_import_options, 0, command_latents_import},
    {"boundary export", "JOB DIR", 2, 2, "writes a job's boundaries as .npy files",
     "Writes DIR/NAME_boundary.npy, (1, d) float32, in w+ (layers, d), for each boundary of a job, "
     "as "
     "InterFaceGAN keeps them, and DIR/offsets.csv with a line NAME,offset each: score = normal · "
     "latent + offset.",
     boundary_export_options, 0, command_boundary_export},
    {"boundary import", "DIR", 1, 1, "brings boundaries in files into a store",
     "Takes every .npy file of DIR, (1, d) or (d), of w+ (layers, d), (1, layers, d) or flattened "
     "(1, layers · d), called NAME_boundary.npy, boundary_NAME.npy or "
     "NAME.npy after an attribute of the bundle (or age), and DIR/offsets.csv if it is there (else "
     "offsets are 0). They are made unit vectors and copied to STORE/boundaries under the hash of "
     "their "
     "content, which is printed. A fit stage with files: HASH takes them as they are, judges them "
     "on "
     "its samples, and fits the others.",
     boundary_import_options, 0, command_boundary_import},
    {"direction", "[JOB]", 0, 1, "gain and leak of an edit, before anything is rendered",
     "Computes the direction of an edit from the boundaries of a job (the last one) or of .npy "
     "files, "
     "and what it does: the gain is the share of a step that still goes where it was meant to, the "
     "leak the largest share that goes along a condition, and each condition is listed with the "
     "drift it has by itself and the one that is left. A negative gain is an edit that went "
     "round.\n"
     "\nExample: facefarm direction 1 --target Young --conditions all,Gray_Hair=free --discount "
     "0.75 "
     "--sweep",
     direction_options, 0, command_direction},
    {"keygen", "FILE", 1, 1, "makes a key pair and prints the line for the broker's file of keys",
     "Writes a new key pair to FILE, which only you may read and which is never overwritten, and "
     "prints a line ROLE KEY "
     "OWNER. That line goes into the file that facefarm-broker --keys names (SIGHUP makes it read "
     "again); without it the "
     "key opens nothing. Of a broker's own pair the line goes to those who connect to it, as "
     "--broker-key. Once a broker "
     "has keys, every connection to it is encrypted and has to prove a key that it knows.",
     keygen_options, 0, command_keygen},
    {"export", "", 0, 0, "writes a job's rows as CSV, JSON lines or .npy",
     "Writes rows of a job: labels (scores of every labelled face), evaluation (scores and ages "
     "before and after), edits (the same along the sweep), boundaries, or latents (of the photos "
     "of an "
     "encode stage). Boundaries as npy are one file each, (1, d) float32, in w+ (layers, d), the "
     "layout of "
     "InterFaceGAN. Latents as npy are one array, (photos, d), in w+ (photos, layers, d), which "
     "facefarm latents "
     "import takes; as CSV they are the photos that its rows are.",
     export_options, 0, command_export},
    {"report", "[A B]", 0, 2, "writes a job's report: one HTML file, one JSON file, its sheets",
     "Writes OUTPUT/index.html, one file that needs no network, OUTPUT/report.json with the same "
     "figures unrounded, and copies the sheets beside them. The headline figures are printed as "
     "well; "
     "each is one SQL statement that the report shows. With --compare it pairs the figures of jobs "
     "A "
     "and B, also of two databases.\n\nExample: facefarm report --compare 1 2 --other-db other.db",
     report_options, 0, command_report},
    {"db check", "FILE", 1, 1, "proves a database's invariants",
     "Checks that nothing is lost and nothing is counted twice: SQLite's own integrity, every "
     "range "
     "of a stage done once, a row for every face and variant of what is done and no other, states "
     "that agree with their audit, summaries made of all faces. What is wrong is printed, a line "
     "each, and the exit code is 1. A broker may be writing meanwhile.",
     db_check_options, 0, command_db_check},
    {"db backup", "FILE COPY", 2, 2, "copies a database while a broker may be writing it",
     "Writes COPY, a consistent copy of the database as it stands at one moment: whole and on "
     "disk, "
     "or not at all. A file that is there already is not replaced.",
     no_options, 0, command_db_backup},
    {"help", "[COMMAND]", 0, 2, "explains a command; --man prints the manual page", NULL,
     (const struct cli_option[]){
         {"man", CLI_FLAG, NULL, 0, NULL, "print the manual page (roff)"},
         OPTION_END,
     },
     0, command_help},
    {"completion", "", 0, 0, "prints bash completion: source <(facefarm completion)", NULL,
     no_options, 0, command_completion},
    {NULL, NULL, 0, 0, NULL, NULL, NULL, 0, NULL},
};
