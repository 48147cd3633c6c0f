/* Kinds of switches.  Hides the platform's names of categories. */
#include "smartthings/device_kind.h"

#include <string.h>

#include "formats/json.h"

struct category {
	const char *name;
	const char *kind;
};

/* Names that are not here are of kind other. */
static const struct category categories[] = {
    {"Light", "light"},
    {"Switch", "switch"},
    {"SmartPlug", "plug"},
    {"Fan", "fan"},
    {"Television", "tv"},
    {"Projector", "tv"},
    {"SetTop", "tv"},
    {"BluRayPlayer", "tv"},
    {"Camera", "camera"},
    {"DoorBell", "camera"},
    {"AirConditioner", "appliance"},
    {"AirPurifier", "appliance"},
    {"ClothingCareMachine", "appliance"},
    {"CoffeeMaker", "appliance"},
    {"Cooktop", "appliance"},
    {"CubeRefrigerator", "appliance"},
    {"Dehumidifier", "appliance"},
    {"Dishwasher", "appliance"},
    {"Dryer", "appliance"},
    {"Humidifier", "appliance"},
    {"KimchiRefrigerator", "appliance"},
    {"KitchenHood", "appliance"},
    {"Microwave", "appliance"},
    {"Oven", "appliance"},
    {"Range", "appliance"},
    {"Refrigerator", "appliance"},
    {"RiceCooker", "appliance"},
    {"RobotCleaner", "appliance"},
    {"ShoesCareMachine", "appliance"},
    {"StickVacuumCleaner", "appliance"},
    {"Stove", "appliance"},
    {"Washer", "appliance"},
    {"WaterHeater", "appliance"},
    {"WaterPurifier", "appliance"},
    {"WindowAC", "appliance"},
    {"WineCellar", "appliance"},
};

static const char *
kind_of_name(const char *name)
{
	for (size_t i = 0; i < sizeof(categories) / sizeof(categories[0]); i++) {
		if (strcmp(categories[i].name, name) == 0)
			return categories[i].kind;
	}
	return "other";
}

/* The name of the category that counts; NULL when the component has none. */
static const char *
category_of(const json_t *component)
{
	const char *found = NULL;
	const json_t *category;
	size_t i;

	json_array_foreach(json_object_get(component, "categories"), i, category)
	{
		const char *name = jsonx_string(category, "name");
		const char *type = jsonx_string(category, "categoryType");

		if (name == NULL || name[0] == '\0')
			continue;
		if (type != NULL && strcmp(type, "user") == 0)
			return name;
		if (found == NULL)
			found = name;
	}
	return found;
}

const char *
device_kind(const json_t *component, const json_t *main)
{
	const char *name = category_of(component);

	if (name == NULL)
		name = category_of(main);
	return name != NULL ? kind_of_name(name) : "switch";
}
