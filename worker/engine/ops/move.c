#include "worker/engine/ops.h"

const struct op ops_move[] = {{0}};
