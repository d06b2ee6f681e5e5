/*
 * The maxima of everything that comes from outside. An error that a limit causes names the limit
 * and the value found.
 */
#ifndef COMMON_LIMITS_H
#define COMMON_LIMITS_H

#define LIMIT_NAME_BYTES 64            /* names of jobs, stages, attributes, estimators, bundles */
#define LIMIT_PATH_BYTES 1024          /* file names in messages and bundles */
#define LIMIT_TEXT_BYTES 4096          /* error texts, device names and other prose in messages */
#define LIMIT_SPEC_BYTES (256 << 10)   /* a job's YAML */
#define LIMIT_BUNDLE_YAML_BYTES (256 << 10)
#define LIMIT_ONNX_BYTES (1u << 30)
#define LIMIT_MESSAGE_BYTES (64u << 20) /* one ZeroMQ message */
#define LIMIT_ROWS_BYTES (48u << 20)    /* the scores in one result */

#define LIMIT_STAGES 32               /* stages of a job */
#define LIMIT_ATTRIBUTES 512          /* attributes of a classifier */
#define LIMIT_ESTIMATORS 8            /* age estimators of a bundle */
#define LIMIT_LABELLERS 16            /* networks that score faces in a bundle */
#define LIMIT_OUTPUTS 16              /* outputs of a labeller that are read */
#define LIMIT_DATA_FILES 64           /* that networks of a bundle keep weights in */
#define LIMIT_EMBEDDERS 4             /* identity and feature networks of a bundle */
#define LIMIT_EMBEDDING 65536         /* numbers of an embedding */
#define LIMIT_FEATURE_FACES 2048      /* faces of an evaluation whose features are kept */
#define LIMIT_FEATURE_BYTES (64u << 20) /* of those features */
#define LIMIT_LAYERS 64               /* vectors of a latent in w+ */
#define LIMIT_NOISES 256              /* tensors of noise of a generator */
#define LIMIT_TENSOR_BYTES 127        /* names of tensors */
#define LIMIT_TARGETS 1024            /* targets or conditions of an edit */
#define LIMIT_STEPS 64                /* distances of a sweep */
#define LIMIT_LATENT_DIMENSION 65536
#define LIMIT_IMAGE_SIDE 4096
#define LIMIT_RANGES 4096              /* ranges of samples that are written out */
#define LIMIT_MIX_FACES (1 << 20)      /* faces of a mix */
#define LIMIT_LATENTS (1u << 30)       /* numbers in a file of latents */
#define LIMIT_TRUTH_BYTES (256u << 20) /* a list of the attributes of photos */
#define LIMIT_TRUTH_ROWS 4000000       /* photos in it */
#define LIMIT_PHOTO_BYTES (64u << 20)  /* a PNG or JPEG file */
#define LIMIT_PHOTO_SIDE 16384         /* its height and width */
#define LIMIT_PHOTO_PIXELS (64u << 20) /* and their product */
#define LIMIT_PHOTOS 4000000           /* in a folder */
#define LIMIT_PHOTO_LIST_BYTES (512u << 20) /* the names and hashes of those in a store */
#define LIMIT_SAMPLES ((uint64_t)1 << 48) /* index space of a stage */
#define LIMIT_TASK_SAMPLES 65536          /* samples in one task */
#define LIMIT_ATTEMPTS 100
#define LIMIT_CREDIT 2048             /* tasks that a worker may hold, and as many urgent ones */
#define LIMIT_BATCH 2048              /* tasks in a lease, in results, in accepted */
#define LIMIT_HELD 8192               /* tasks that a worker says it holds */
#define LIMIT_FAILURES 1000           /* failed attempts told at once */
#define LIMIT_REASONS (16 * LIMIT_STAGES) /* why a job's stages do or do not run */
#define LIMIT_LABELS 16               /* of a worker, or that a stage needs */
#define LIMIT_LABELS_BYTES (LIMIT_LABELS * (2 * LIMIT_NAME_BYTES + 2)) /* joined, see needs.h */

#define LIMIT_CHUNK_BYTES (256u << 10) /* of files in one message */
#define LIMIT_CHUNK_PIECES 256         /* pieces of files in it */
#define LIMIT_WINDOW 4                 /* chunks under way over one connection */
#define LIMIT_TRANSFERS 32             /* connections that files move over at once; others wait */
#define LIMIT_UPLOADS 2                /* begun and not ended, of one worker */
#define LIMIT_SHARD_BYTES ((uint64_t)1 << 36) /* a file of a result, or its folder's files */
#define LIMIT_FOLDER_FILES 2048        /* of a bundle, or of imported boundaries */
#define LIMIT_STAGED 65536             /* files in the store whose results have not come */

#define LIMIT_LIST 65536              /* entries of a list in a message, unless it says less */
#define LIMIT_OPEN_JOBS 10000
#define LIMIT_CHECKED 64               /* submits whose photos and latents are being looked for */
#define LIMIT_OWNER_JOBS 1000          /* open jobs of one owner */
#define LIMIT_WORKERS 10000

#define LIMIT_RATE 5000                /* messages a second of one connection, beside a worker's own work */
#define LIMIT_RATE_BURST 20000         /* and at once */
#define LIMIT_RATE_REFUSALS 1000       /* messages beyond that which are still answered, by refusal */
#define LIMIT_RATE_CONNECTIONS 20000   /* connections whose rate is remembered */
#define LIMIT_CONNECTIONS 65536        /* of clients and workers at once, where the process may have so many descriptors */
#define LIMIT_HANDSHAKES 1024          /* of them without a proved key, unless --handshakes says otherwise */
#define LIMIT_KEYS 10000              /* lines of the file of authorized keys */
#define LIMIT_KEYS_BYTES (2 << 20)    /* the file itself */
#define LIMIT_FLEET 1024              /* declared classes of workers */
#define LIMIT_FLEET_BYTES (4 << 20)   /* the file of them */

#endif
