#ifndef SWITCHBOARD_SMARTTHINGS_DEVICE_STATUS_H
#define SWITCHBOARD_SMARTTHINGS_DEVICE_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <jansson.h>
#include "base/err.h"
#include "smartthings/device_member.h"

/*
 * What the capabilities of a device report (platform.md "Device lists"), {attribute:{"value",
 * "timestamp"}} for each.  A component that custom.disabledComponents of "main" names is none that
 * the model has, nor has a component a capability that its own custom.disabledCapabilities names.
 */
#define DEVICE_DISABLED_COMPONENTS "custom.disabledComponents"
#define DEVICE_DISABLED_CAPABILITIES "custom.disabledCapabilities"

/* Does the status of one of these two capabilities (NULL: there is none) name "id"? */
bool device_status_disables(const json_t *status, const char *attribute, const char *id);

/*
 * Set state, state_at, has_level, level and level_at of a switch (device.h) from the status of its
 * capabilities switch and switchLevel; NULL: it has none.  False when memory ran out.
 */
bool device_status_put(struct device_notes *notes, json_t *out, const json_t *switch_status,
    bool has_level, const json_t *level_status);

/*
 * Fill a device that device_parse_page() appended with what GET /devices/{id}/status says.  Its
 * switches that the model does not have go; none may be left.
 * SW_EUPSTREAM: not such a status; the device is as it was.  SW_ENOMEM.
 */
SW_MUSTCHECK enum sw_err
device_parse_status(const char *body, size_t length, json_t *device, struct device_notes *notes);

#endif
