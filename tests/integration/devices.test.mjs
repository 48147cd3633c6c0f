// What real homes list: devices with odd values and with parts that the model does not have.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { startStack } from "../stack.mjs";
import { Installation, lamp } from "./installation.mjs";

let stack;

before(async () => {
	stack = await startStack();
});

after(() => stack?.stop());

beforeEach(async () => {
	await stack.control("DELETE", "faults");
	await stack.control("POST", "settings", { pageSize: 200 });
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
