/* The hash map: uthash (BSD-1-Clause) behind one header. An entry belongs to as many maps as it has
 * handles. */
#ifndef BROKER_MAP_H
#define BROKER_MAP_H

#include <uthash.h>

#endif
