// What real homes list: devices with odd values and with parts that the model does not have.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { quote, startStack, waitFor } from "../stack.mjs";
import { Installation, dimmer, lamp, lamps } from "./installation.mjs";

let stack;

before(async () => {
	stack = await startStack();
});

after(() => stack?.stop());

beforeEach(async () => {
	await stack.control("DELETE", "faults");
	await stack.control("POST", "settings", { pageSize: 200, strict: true, bareLists: false, bareLinks: false, hold: false });
});

/** [label, component, state, level] of each tile, in the order of the page. */
const tiles = async (installation) => (await installation.list())
	.map(({ label, component, state, level }) => [label, component, state, level]);

/** The lines of the worker's log about an installation with that event. */
const logged = (installation, event) => stack.log("worker").split("\n")
	.filter((line) => line.includes(`event=${event} `) && line.includes(`installation=${installation.id} `));

test("what the model does not have makes no tile and gets no command", async () => {
	const installation = await Installation.create(stack, [
		lamp("Lamp"),
		{ name: "fridge", label: "Freezer", components: [
			{ id: "cooling-01", capabilities: ["switch"], state: "off" },
			{ id: "cooling-02", capabilities: ["switch"], state: null },
			{ id: "ice", capabilities: ["switch", "custom.disabledCapabilities"], state: "off", disabledCapabilities: ["ocf", "switch"] },
			{ id: "main", capabilities: ["custom.disabledComponents"], disabledComponents: ["cooling-02", "cooling-03"] },
		] },
		{ name: "hood", label: "Hood", components: [{ id: "main", state: "off", level: 30,
			capabilities: ["switch", "switchLevel", "custom.disabledCapabilities"], disabledCapabilities: ["switchLevel"] }] },
		{ name: "washer", label: "Washer", components: [{ id: "main", state: "off",
			capabilities: ["switch", "custom.disabledCapabilities"], disabledCapabilities: ["switch"] }] },
	]);
	const found = (await installation.list()).map(({ deviceId, component, state, level }) =>
		[installation.devices.indexOf(deviceId), component, state, level]).sort();

	assert.deepEqual(found, [[0, "main", "off", null], [1, "cooling-01", "off", null], [2, "main", "off", null]]);
	assert.equal((await installation.row()).sync_found, 3);
	assert.equal((await installation.clickAll("on")).status, 202);
	await installation.finished();
	const { commands } = await stack.control("GET", "commands");

	assert.deepEqual(commands.filter(({ deviceId }) => installation.devices.includes(deviceId))
		.map(({ deviceId, component }) => [installation.devices.indexOf(deviceId), component]).sort(), [[0, "main"], [1, "cooling-01"], [2, "main"]]);
});

test("an odd value costs its device at most, and one line of the log says where it was", async () => {
	const odd = (label, raw) => ({ name: "Thing", label, raw });
	const installation = await Installation.create(stack, [
		lamp("First"),
		odd("Big", "\"profileVersion\": 36893488147419103232"),
		odd("Nul", "\"manufacturerCode\": \"a\\u0000b\""),
		odd("Half", "\"\\ud83d\": true, \"model\": \"\\udc00\""),
		odd("Twice", "\"type\": \"LAN\", \"type\": \"ZWAVE\""),
		odd("Deep", `"parts": ${"[{\"x\":".repeat(200)}0${"}]".repeat(200)}`),
		odd("Real", "\"weight\": 1e400"),
		odd("Gone", "\"components\": null"),
		odd("No id", "\"deviceId\": 7"),
		lamp("Last"),
	]);

	assert.deepEqual((await tiles(installation)).map(([label]) => label).sort(),
		["Big", "Deep", "First", "Half", "Last", "Nul", "Real", "Twice"]);
	const lines = logged(installation, "sync.odd");

	assert.match(lines[0], /left_out=2 values=\d+ member=items\.\d+\.\w+/);
	assert.equal(lines.length, logged(installation, "sync.applied").length);
});

test("each switch says what it is: the user's category before the manufacturer's", async () => {
	const thing = (label, category, more = {}) => ({ name: "thing", label, category, components: [{ id: "main", capabilities: ["switch"], ...more }] });
	const installation = await Installation.create(stack, [
		thing("a", "Light"), thing("b", "SmartPlug", { userCategory: "Light" }), thing("c", "Television", { userCategory: "Others" }), thing("d", "Television"),
		thing("e", "Washer"), thing("f", "Camera"), thing("g", "Fan"), thing("h", "SmartPlug"), thing("i", "GarageDoor"), thing("j", "Switch"),
	]);
	const kinds = async () => Object.fromEntries((await installation.list()).map(({ label, kind }) => [label, kind]));
	const found = { a: "light", b: "light", c: "other", d: "tv", e: "appliance", f: "camera", g: "fan", h: "plug", i: "other", j: "switch" };

	assert.deepEqual(await kinds(), found);
});

/** The calls of the list, and of the status of devices, for an installation since the last reset. */
async function readings(installation) {
	const { log } = await stack.control("GET", "calls");
	const calls = log.filter(({ installedAppId, method }) => installedAppId === installation.id && method === "GET");

	return { lists: calls.filter(({ path: where }) => where === "/devices"),
		statuses: calls.filter(({ path: where }) => /^\/devices\/[^/]+\/status$/.test(where)) };
}

async function sync(installation) {
	const before = (await installation.row()).synced_at;

	await stack.psql(`SELECT work_put(${quote(installation.id)}, 'device_sync', 1); NOTIFY switchboard_work`);
	await waitFor(async () => (await installation.row()).synced_at !== before && await installation.jobs() === 0,
		{ timeoutMs: 60000, what: "another sync" });
}

const mixed = () => [dimmer("Dimmer", 40), lamp("Lamp"),
	{ name: "Relay", label: "Relay", components: [{ id: "main", capabilities: ["switch"], state: "on" }] },
	{ name: "oven", label: "Oven", components: [{ id: "main", capabilities: ["custom.disabledComponents"], disabledComponents: ["cavity-02"] },
		...["cavity-01", "cavity-02"].map((id) => ({ id, capabilities: ["switch"], state: "off" }))] }];
const MIXED = [["Dimmer", "main", "on", 40], ["Lamp", "main", "off", null], ["Oven", "cavity-01", "off", null], ["Relay", "main", "on", null]];
/** In the order of their names, whatever the labels of components add to them. */
const tilesByName = async (installation) => (await tiles(installation)).map(([label, ...rest]) => [label.split(/\W/)[0], ...rest]).sort();

test("a strict platform tells status and health in its list, on every page", async () => {
	await stack.control("POST", "settings", { pageSize: 2 });
	await stack.control("POST", "calls/reset");
	const installation = await Installation.create(stack, mixed());
	const { lists, statuses } = await readings(installation);

	assert.deepEqual(await tilesByName(installation), MIXED);
	assert.ok((await installation.list()).every(({ online }) => online === true));
	assert.ok(lists.every(({ status }) => status === 200));
	assert.equal(statuses.length, 0);
});

test("links to next pages that lack our parameters get them again", async () => {
	await stack.control("POST", "settings", { pageSize: 1, bareLinks: true });
	await stack.control("POST", "calls/reset");
	const installation = await Installation.create(stack, [...mixed(),
		{ name: "Sensor", label: "Sensor", components: [{ id: "main", capabilities: ["motionSensor"] }] }]);
	const { lists, statuses } = await readings(installation);

	assert.deepEqual(await tilesByName(installation), MIXED);
	assert.equal(lists.length % 4, 0);
	for (const { query } of lists)
		assert.deepEqual(["capability", "includeStatus", "includeHealth", "locationId"].map((name) => new URLSearchParams(query).get(name)),
			["switch", "true", "true", installation.location]);
	assert.equal(statuses.length, 0);
});

test("where a list has no status, that of each device is read once a sync, and counted", async () => {
	await stack.control("POST", "settings", { pageSize: 2, bareLists: true });
	await stack.control("POST", "calls/reset");
	const installation = await Installation.create(stack, [...mixed(),
		{ name: "Sensor", label: "Sensor", components: [{ id: "main", capabilities: ["motionSensor"] }] }]);
	const { lists, statuses } = await readings(installation);
	const asked = statuses.map(({ path: where }) => installation.devices.indexOf(where.split("/")[2])).sort();
	const syncs = lists.length / 2;

	assert.deepEqual(await tilesByName(installation), MIXED);
	assert.deepEqual(asked, [0, 1, 2, 3].flatMap((n) => Array(syncs).fill(n)));
	await waitFor(async () => await stack.psql(`SELECT sum(calls) FROM api_call WHERE installation_id = ${quote(installation.id)}
		AND endpoint = 'GET /devices/{id}/status' AND status = 200`) === String(4 * syncs), { what: "the calls to be counted" });
});

test("a device whose status does not come keeps what is known of it, and costs no other its state", async () => {
	await stack.control("POST", "settings", { bareLists: true });
	const installation = await Installation.create(stack, mixed());
	const [dimmerId, lampId] = installation.devices;

	await stack.control("POST", "faults", { method: "GET", path: `/devices/${lampId}/status`, count: 100, action: "status", status: 500 });
	await stack.control("POST", "settings", { hold: true });
	await stack.control("POST", `devices/${lampId}/flip`, { value: "on" });
	await stack.control("POST", `devices/${dimmerId}/level`, { level: 70 });
	await sync(installation);
	const [line] = logged(installation, "sync.applied").slice(-1);

	assert.match(line, /statuses=4 failed=1/);
	assert.deepEqual((await tilesByName(installation)).slice(0, 2), [["Dimmer", "main", "on", 70], ["Lamp", "main", "off", null]]);
	await stack.control("POST", "settings", { hold: false });
});

test("429 for a status ends their reading, and the list is shown; the rest is read when the platform allows it", async () => {
	await stack.control("POST", "settings", { bareLists: true });
	await stack.control("POST", "faults", { method: "GET", path: "/devices/*/status", count: 1, action: "status", status: 429, retryAfter: 1 });
	const installation = await Installation.create(stack, lamps(3));

	assert.equal((await installation.list()).length, 3);
	await waitFor(async () => (await installation.list()).every(({ state }) => state === "off"), { timeoutMs: 60000, what: "all states" });
	const applied = logged(installation, "sync.applied");

	assert.ok(applied.length >= 2, applied.join("\n"));
	assert.match(applied[0], /statuses=1 failed=1/);
});
