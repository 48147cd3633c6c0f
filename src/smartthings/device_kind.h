#ifndef SWITCHBOARD_SMARTTHINGS_DEVICE_KIND_H
#define SWITCHBOARD_SMARTTHINGS_DEVICE_KIND_H

#include <jansson.h>

/*
 * What a component is, from its "categories" (platform.md "Device lists"): light, switch, plug,
 * fan, tv, appliance, camera or other (domain switch_kind in sql/).  A category that the user chose
 * wins over the manufacturer's; a component without any is what "main" (NULL: there is none) is,
 * and switch when that has none either.  A literal.
 */
const char *device_kind(const json_t *component, const json_t *main);

#endif
