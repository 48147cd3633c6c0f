// The worker against the simulated platform: device sync, subscriptions, commands, tokens, uninstalls.
// Work is queued with the database's own functions, so that no page is needed.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, beforeEach, before, test } from "node:test";
import { linkAccount, request, startStack, waitFor } from "../stack.mjs";

let stack;
let homes = 0;

before(async () => {
	stack = await startStack();
});

after(() => stack?.stop());

beforeEach(async () => {
	await stack.control("DELETE", "faults");
	await stack.control("POST", "settings", { pageSize: 200, commandDelayMs: 80, rateLimits: false });
});

const quote = (text) => `'${String(text).replaceAll("'", "''")}'`;
const sql = (text) => stack.psql(text);
const wake = () => sql("NOTIFY switchboard_work");
const lamp = (label) => ({ name: "Lamp", label });
const dimmer = (label, level) => ({ name: "Dimmer", label,
	components: [{ id: "main", capabilities: ["switch", "switchLevel"], state: "on", level }] });

/** What the simulator saw of one installation, in order: ["GET /devices 200", …]. */
async function callsOf(home, endpoint) {
	const { log } = await stack.control("GET", "calls");

	return log.filter((call) => call.installedAppId === home.id && (!endpoint || endpoint.test(`${call.method} ${call.path}`)));
}

async function idle(home) {
	await waitFor(async () => (await sql(`SELECT count(*) FROM job WHERE installation_id = ${quote(home.id)}`)) === "0",
		{ what: "the home's jobs to be done" });
}

/** An account of its own with one location, linked and read. */
async function newHome(devices = [lamp("One"), lamp("Two")], { rooms, link = true } = {}) {
	const name = `Home ${++homes}`;
	const account = await stack.control("POST", "accounts", { name: `Person ${homes}`, locations: [{ name, rooms, devices }] });
	const [location] = account.locations;
	const home = { name, location: location.locationId, devices: location.devices.map(({ deviceId }) => deviceId) };

	return link ? linked(home) : home;
}

async function linked(home) {
	home.jar = await linkAccount(stack, { location: home.location });
	const { installedApps } = await stack.control("GET", "state");

	home.id = installedApps.find(({ locationId }) => locationId === home.location).installedAppId;
	home.user = await sql(`SELECT user_id FROM installation WHERE installation_id = ${quote(home.id)}`);
	await idle(home);
	return home;
}

const installation = async (home) => (await stack.rows(
	`SELECT * FROM installation WHERE installation_id = ${quote(home.id)}`))[0];
const token = async (home) => (await stack.rows(
	`SELECT generation, failures, last_error FROM token WHERE installation_id = ${quote(home.id)}`))[0];
const switches = (home) => stack.rows(`SELECT d.name, r.name AS room, d.online, s.component, s.label, s.state, s.level, s.has_level
	FROM switch s JOIN device d USING (installation_id, device_id) LEFT JOIN room r USING (installation_id, room_id)
	WHERE s.installation_id = ${quote(home.id)} ORDER BY d.name, s.position`);

async function ask(home, kind) {
	await sql(`SELECT job_put(${quote(home.id)}, ${quote(kind)})`);
	await wake();
	await idle(home);
}

/** Queue commands in one transaction; gives their ids. */
async function click(home, wishes) {
	const calls = wishes.map(({ device, component = "main", command = "on", level = null }) =>
		`SELECT command_id FROM command_request(${home.user}, ${quote(device)}, ${quote(component)}, ${quote(command)}, ${level ?? "NULL"})`);
	const ids = (await sql(`${calls.join(" UNION ALL ")}; NOTIFY switchboard_work`)).split("\n");

	assert.equal(ids.length, wishes.length);
	return ids;
}

const commands = (ids) => stack.rows(`SELECT status, error, attempts FROM command
	WHERE command_id IN (${ids.map(quote).join(", ")}) ORDER BY requested_at`);

const finished = (ids) => waitFor(async () => {
	const rows = await commands(ids);

	return rows.length === ids.length && rows.every(({ status }) => ["confirmed", "failed"].includes(status)) && rows;
}, { timeoutMs: 30000, what: "the commands to be finished" });

const generation = (home, wanted) => waitFor(async () => (await token(home))?.generation === wanted,
	{ timeoutMs: 30000, what: `token generation ${wanted}` });

/** The spool's files of a home. */
const spooled = (home) => readdirSync(path.join(stack.stateDir, "spool")).filter((name) => name.startsWith(home.id));

const workerPid = () => waitFor(() => stack.pids("switchboard-worker")[0], { what: "the worker" });

/** One more worker, with the environment of the one that runs and a state directory of its own. */
async function anotherWorker(env = {}, { ready = true } = {}) {
	const pid = await workerPid();
	const theirs = Object.fromEntries(readFileSync(`/proc/${pid}/environ`, "utf8").split("\0")
		.filter((pair) => pair.includes("=")).map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]));
	const state = mkdtempSync(path.join(tmpdir(), "switchboard-worker-"));
	const child = spawn(`/proc/${pid}/exe`, [], { stdio: ["ignore", "ignore", "pipe"],
		env: { ...theirs, SWITCHBOARD_STATE_DIR: state, ...env } });
	const worker = { pid: child.pid, state, log: "" };

	child.stderr.on("data", (part) => (worker.log += part));
	worker.ended = new Promise((resolve) => child.on("close", (code, signal) => resolve(signal ?? code)));

	worker.stop = async () => {
		child.kill("SIGTERM");
		const how = await worker.ended;

		rmSync(state, { recursive: true, force: true });
		return how;
	};
	if (ready)
		await waitFor(() => /event=worker\.started/.test(worker.log), { what: "another worker" });
	return worker;
}

test("a first sync reads everything with one call per page and at most eight others", async () => {
	await stack.control("POST", "settings", { pageSize: 4 });
	const home = await newHome([1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((n) => lamp(`Lamp ${n}`)), { rooms: ["Hall"] });
	const pages = await callsOf(home, /^GET \/devices$/);
	const others = await callsOf(home, /^(?!GET \/devices$|POST \/oauth\/token)/);
	const row = await installation(home);

	assert.equal(pages.length, 3);
	assert.ok(others.length <= 8, others.map(({ method, path: where }) => `${method} ${where}`).join("\n"));
	assert.equal((await switches(home)).length, 10);
	assert.equal(row.status, "active");
	assert.equal(row.sync_state, "done");
	assert.equal(row.sync_found, 10);
	assert.equal(row.location_name, home.name);
	assert.ok(row.owner_id);
});

test("devices are read when the subscriptions are there: what is switched in between is not missed", async () => {
	const home = await newHome();
	const calls = await callsOf(home, /subscriptions|^GET \/devices$/);
	const kinds = calls.map(({ method }) => method);

	assert.equal(calls.filter(({ method }) => method === "POST").length, 4);
	assert.ok(kinds.lastIndexOf("POST") < calls.findIndex(({ path: where }) => where.endsWith("/devices")),
		calls.map(({ method, path: where }) => `${method} ${where}`).join("\n"));
});

test("every call is counted by installation, endpoint and status", async () => {
	const home = await newHome();
	const seen = {};

	for (const { method, path: where, status } of await callsOf(home, /^(?!POST \/oauth\/token)/)) {
		const endpoint = `${method} ${where}`.replace(home.id, "{id}").replace(home.location, "{id}");

		seen[`${endpoint} ${status}`] = (seen[`${endpoint} ${status}`] ?? 0) + 1;
	}
	await waitFor(async () => {
		const rows = await stack.rows(`SELECT endpoint, status, calls FROM api_call
			WHERE installation_id = ${quote(home.id)} AND endpoint <> 'POST /oauth/token'`);
		const counted = Object.fromEntries(rows.map(({ endpoint, status, calls }) => [`${endpoint} ${status}`, calls]));

		assert.deepEqual(counted, seen);
		return true;
	}, { what: "the counts to agree with what the platform saw" });
});

test("power strips, dimmers, missing labels, unknown states and health are read", async () => {
	const home = await newHome([
		{ name: "Strip", label: "Strip", components: [
			{ id: "main", capabilities: ["switch"], state: "on" },
			{ id: "outlet1", label: "Television", capabilities: ["switch"], state: "off" }] },
		dimmer("Dim", 37),
		{ name: "Nameless relay", components: [{ id: "main", capabilities: ["switch"], state: null }] },
		{ name: "Sensor", components: [{ id: "main", capabilities: ["motionSensor"] }] },
	]);

	assert.deepEqual((await switches(home)).map(({ name, component, label, state, level, has_level }) =>
		[name, component, label, state, level, has_level]), [
		["Dim", "main", "main", "on", 37, true],
		["Nameless relay", "main", "main", null, null, false],
		["Strip", "main", "main", "on", null, false],
		["Strip", "outlet1", "Television", "off", null, false],
	]);
	await stack.control("POST", "settings", { hold: true });
	await stack.control("POST", `devices/${home.devices[1]}/health`, { state: "OFFLINE" });
	await ask(home, "device_sync");
	assert.equal((await switches(home)).find(({ name }) => name === "Dim").online, false);
	await stack.control("POST", "settings", { hold: false });
});

test("devices that were added, removed, renamed and moved are followed", async () => {
	const home = await newHome([lamp("Stays"), lamp("Goes"), lamp("Moves"), lamp("Old name")], { rooms: ["Hall", "Attic"] });
	const { rooms } = await stack.control("GET", "state");
	const attic = rooms.find(({ name, locationId }) => name === "Attic" && locationId === home.location);

	await stack.control("DELETE", `devices/${home.devices[1]}`);
	await stack.control("POST", `devices/${home.devices[2]}`, { roomId: attic.roomId });
	await stack.control("POST", `devices/${home.devices[3]}`, { label: "New name" });
	await stack.control("POST", "devices", { locationId: home.location, name: "Lamp", label: "Arrives",
		components: [{ id: "main", capabilities: ["switch"], state: "off" }] });
	await waitFor(async () => {
		assert.deepEqual((await switches(home)).map(({ name, room }) => [name, room]),
			[["Arrives", null], ["Moves", "Attic"], ["New name", null], ["Stays", null]]);
		return true;
	}, { what: "the changes to arrive" });
});

for (const [what, status] of [["refused", 403], ["told in no usable way", 200]]) {
	test(`rooms that are ${what} cost their names, not the switches, and are not asked for in a loop`, async () => {
		await stack.control("POST", "faults", { path: "/rooms", method: "GET", action: "status", status, count: 50 });
		const home = await newHome([{ ...lamp("One"), room: "Hall" }, lamp("Two")], { rooms: ["Hall"] });

		assert.deepEqual((await switches(home)).map(({ name, room }) => [name, room]), [["One", null], ["Two", null]]);
		assert.equal((await installation(home)).sync_state, "done");
		const asked = (await callsOf(home, /rooms/)).length;

		assert.ok(asked >= 1 && asked <= 2, `asked ${asked} times`);
	});
}

test("a list that breaks off changes nothing, and is read again", async () => {
	const home = await newHome();

	await stack.control("POST", "settings", { pageSize: 1 });
	await stack.control("POST", "faults", { path: "/devices", method: "GET", action: "slow", delayMs: 1 });
	await stack.control("POST", "faults", { path: "/devices", method: "GET", action: "status", status: 503 });
	await sql(`SELECT job_put(${quote(home.id)}, 'device_sync')`);
	await wake();
	await waitFor(async () => (await installation(home)).sync_state === "failed", { what: "the failure to show" });
	assert.equal((await switches(home)).length, 2);
	assert.match((await installation(home)).sync_error, /^SmartThings .*[a-z]$/);
	await waitFor(async () => (await installation(home)).sync_state === "done", { what: "the next try" });
	assert.equal((await switches(home)).length, 2);
});

test("subscriptions are brought to exactly the four, without deleting all", async () => {
	const home = await newHome();
	const personal = await stack.control("POST", "personal-token", {
		accountId: (await installation(home)).owner_id });
	const where = `${stack.simulatorUrl}/v1/installedapps/${home.id}/subscriptions`;
	const headers = { Authorization: `Bearer ${personal.token}` };
	const list = async () => (await request(where, { headers })).json().items;
	const kinds = async () => (await list()).map(({ sourceType, capability }) =>
		[sourceType, capability?.capability, capability?.attribute].filter(Boolean).join(" ")).sort();
	const four = ["CAPABILITY switch switch", "CAPABILITY switchLevel level", "DEVICE_HEALTH", "DEVICE_LIFECYCLE"];
	const { locationId } = { locationId: home.location };
	const before = await list();

	assert.deepEqual(await kinds(), four);
	assert.ok(before.every((item) => Object.values(item).some((part) => part?.locationId === locationId)));
	// One missing, one of another kind, one that is ours twice.
	const health = before.find(({ sourceType }) => sourceType === "DEVICE_HEALTH");

	await request(`${where}/${health.id}`, { method: "DELETE", headers });
	for (const body of [
		{ sourceType: "MODE", mode: { locationId } },
		{ sourceType: "CAPABILITY", capability: { locationId, capability: "switch", attribute: "switch",
			value: "*", stateChangeOnly: false, subscriptionName: "again" } },
	]) {
		const made = await request(where, { headers, json: body });

		assert.equal(made.status, 200, made.text);
	}
	await stack.control("POST", "calls/reset", {});
	await ask(home, "subscription_sync");
	assert.deepEqual(await kinds(), four);
	const calls = (await callsOf(home, /subscriptions/)).map(({ method, path: at }) => `${method} ${at.replace(/[^/]*$/, (id) => (id === "subscriptions" ? id : "ID"))}`);
	const base = `/installedapps/${home.id}/subscriptions`;

	assert.deepEqual(calls, [`GET ${base}`, `DELETE ${base}/ID`, `DELETE ${base}/ID`, `POST ${base}`]);
	assert.equal(await sql(`SELECT count(*) FROM subscription WHERE installation_id = ${quote(home.id)}`), "4");
	await waitFor(async () => (await callsOf(home, /^GET \/devices$/)).length === 1,
		{ what: "the devices to be read again: what happened before came by no webhook" });
	await stack.control("POST", "calls/reset", {});
	await ask(home, "subscription_sync");
	assert.equal((await callsOf(home, /subscriptions/)).length, 1, "nothing to do costs one call");
});

test("a 409 on creating a subscription counts as there", async () => {
	const home = await newHome([], { link: false });

	await stack.control("POST", "faults", { path: "/subscriptions", method: "POST", action: "status", status: 409, afterEffect: true });
	await linked(home);
	assert.equal(await sql(`SELECT count(*) FROM subscription WHERE installation_id = ${quote(home.id)}`), "4");
	assert.equal((await callsOf(home, /^POST .*subscriptions$/)).length, 4);
});

test("commands arrive, one request per device, and are confirmed by the event", async () => {
	const home = await newHome([lamp("Lamp"), dimmer("Dim", 10),
		{ name: "Strip", components: ["main", "outlet1", "outlet2"].map((id) => ({ id, capabilities: ["switch"], state: "off" })) }]);
	const [one, dim, strip] = home.devices;

	await stack.control("POST", "calls/reset", {});
	const rows = await finished(await click(home, [{ device: one }, { device: dim, command: "setLevel", level: 55 },
		{ device: strip }, { device: strip, component: "outlet1" }, { device: strip, component: "outlet2" }]));

	assert.deepEqual(rows.map(({ status }) => status), Array(5).fill("confirmed"));
	assert.equal((await callsOf(home, /commands$/)).length, 3);
	const { commands: sent } = await stack.control("GET", "commands");

	assert.deepEqual(sent.filter(({ deviceId }) => deviceId === dim)
		.map(({ capability, command, arguments: args }) => [capability, command, args]), [["switchLevel", "setLevel", [55]]]);
});

test("a click is on the wire within milliseconds", async () => {
	const home = await newHome();
	const waits = [];

	for (let i = 0; i < 5; i++) {
		const [id] = await click(home, [{ device: home.devices[0], command: i % 2 ? "off" : "on" }]);

		await finished([id]);
		waits.push(Number(await sql(`SELECT extract(epoch FROM sent_at - requested_at) * 1000 FROM command WHERE command_id = ${quote(id)}`)));
	}
	assert.ok(waits.sort((a, b) => a - b)[2] < 100, `ms from click to claim: ${waits}`);
});

for (const [what, fault, outcome] of [
	["403", { action: "status", status: 403 }, ["failed", "refused"]],
	["404", { action: "status", status: 404 }, ["failed", "refused"]],
	["409", { action: "status", status: 409 }, ["failed", "offline"]],
	["422", { action: "status", status: 422 }, ["failed", "refused"]],
	["429 with Retry-After", { action: "status", status: 429, retryAfter: 1 }, ["confirmed", null]],
	["500 twice", { action: "status", status: 500, count: 2 }, ["confirmed", null]],
	["a connection that is cut", { action: "cut" }, ["confirmed", null]],
	["an answer that is cut after the effect", { action: "cut", afterEffect: true }, ["confirmed", null]],
]) {
	test(`a command that meets ${what} ends ${outcome.filter(Boolean).join(": ")}`, async () => {
		const home = await newHome();

		await stack.control("POST", "faults", { path: `/devices/${home.devices[0]}/commands`, ...fault });
		const [row] = await finished(await click(home, [{ device: home.devices[0] }]));

		assert.deepEqual([row.status, row.error], outcome);
	});
}

test("a command to a device that is offline fails as offline", async () => {
	const home = await newHome();

	await stack.control("POST", `devices/${home.devices[0]}/health`, { state: "OFFLINE" });
	const [row] = await finished(await click(home, [{ device: home.devices[0] }]));

	assert.deepEqual([row.status, row.error], ["failed", "offline"]);
});

test("a command that no event answers fails as unconfirmed", async () => {
	const home = await newHome();

	await stack.control("POST", "settings", { commandDelayMs: 60000 });
	const [row] = await finished(await click(home, [{ device: home.devices[0] }]));

	assert.deepEqual([row.status, row.error], ["failed", "unconfirmed"]);
});

test("one home whose calls hang does not keep another waiting", async () => {
	const slow = await newHome(Array.from({ length: 12 }, (_, n) => lamp(`Slow ${n}`)));
	const quick = await newHome();

	for (const device of slow.devices)
		await stack.control("POST", "faults", { path: `/devices/${device}/`, action: "hang" });
	const stuck = await click(slow, slow.devices.map((device) => ({ device })));
	const [row] = await finished(await click(quick, [{ device: quick.devices[0] }]));

	assert.equal(row.status, "confirmed");
	assert.ok((await commands(stuck)).every(({ status }) => ["requested", "sent"].includes(status)), "while the slow home's still hang");
	await waitFor(async () => (await commands(stuck)).every(({ status }) => status === "confirmed"),
		{ timeoutMs: 30000, what: "the slow home's commands, sent again" });
});

test("a token is refreshed when it is due, once, and the old pair is gone", async () => {
	const home = await newHome();

	await stack.control("POST", "calls/reset", {});
	await sql(`UPDATE token SET refresh_after = now() WHERE installation_id = ${quote(home.id)}`);
	await wake();
	await generation(home, 2);
	assert.equal((await callsOf(home, /oauth\/token/)).length, 1);
	await waitFor(() => spooled(home).length === 0, { what: "the spool to be empty" });
	assert.equal((await finished(await click(home, [{ device: home.devices[0] }])))[0].status, "confirmed");
});

test("twenty commands that meet 401 wait for exactly one refresh", async () => {
	const home = await newHome(Array.from({ length: 20 }, (_, n) => lamp(`Lamp ${n}`)));

	await stack.control("POST", "calls/reset", {});
	await stack.control("POST", "tokens/expire", { installedAppId: home.id });
	const rows = await finished(await click(home, home.devices.map((device) => ({ device }))));

	assert.deepEqual(rows.filter(({ status }) => status !== "confirmed"), []);
	assert.equal((await callsOf(home, /oauth\/token/)).length, 1);
	const calls = await callsOf(home, /commands$/);

	assert.ok(calls.filter(({ status }) => status === 401).length <= 10, "what was on the wire, no more");
	assert.equal(calls.filter(({ status }) => status === 200).length, 20);
	assert.equal((await token(home)).generation, 2);
});

test("a sync that meets 401 goes on after the refresh", async () => {
	const home = await newHome();

	await stack.control("POST", "tokens/expire", { installedAppId: home.id });
	await ask(home, "device_sync");
	assert.equal((await installation(home)).sync_state, "done");
	assert.equal((await token(home)).generation, 2);
});

test("a refresh without an answer is tried again with the same token", async () => {
	const home = await newHome();

	await stack.control("POST", "faults", { path: "/oauth/token", action: "cut", afterEffect: false });
	await stack.control("POST", "faults", { path: "/oauth/token", action: "status", status: 502 });
	await stack.control("POST", "tokens/expire", { installedAppId: home.id });
	const ids = await click(home, [{ device: home.devices[0] }]);

	await generation(home, 2);
	assert.equal((await finished(ids))[0].status, "confirmed");
	assert.equal((await installation(home)).status, "active");
	assert.equal((await token(home)).failures, 0);
});

test("a refresh whose answer is lost for good ends in needs_reauth, and linking again mends it", async () => {
	const home = await newHome();

	await stack.control("POST", "faults", { path: "/oauth/token", action: "cut", afterEffect: true });
	await sql(`UPDATE token SET refresh_after = now() WHERE installation_id = ${quote(home.id)}`);
	await wake();
	await waitFor(async () => (await installation(home)).status === "needs_reauth", { what: "needs_reauth" });
	assert.equal((await switches(home)).length, 2, "devices stay");
	assert.match((await token(home)).last_error, /invalid_grant/);
	await linked(home);
	assert.equal((await installation(home)).status, "active");
	assert.equal((await finished(await click(home, [{ device: home.devices[0] }])))[0].status, "confirmed");
});

test("invalid_grant means needs_reauth, and no further call", async () => {
	const home = await newHome();

	await stack.control("POST", "tokens/revoke", { installedAppId: home.id });
	const ids = await click(home, [{ device: home.devices[0] }]);

	await waitFor(async () => (await installation(home)).status === "needs_reauth", { what: "needs_reauth" });
	assert.deepEqual((await finished(ids)).map(({ error }) => error), ["reconnect"]);
	await stack.control("POST", "calls/reset", {});
	await sql(`SELECT job_put(${quote(home.id)}, 'device_sync')`);
	await wake();
	// Another home's work shows that the worker has looked.
	await newHome();
	assert.deepEqual(await callsOf(home), []);
});

test("a token that is refused right after its refresh is not refreshed in a loop", async () => {
	const home = await newHome();

	await stack.control("POST", "calls/reset", {});
	await stack.control("POST", "faults", { path: `/devices/${home.devices[0]}/commands`, action: "status", status: 401, count: 50 });
	const ids = await click(home, [{ device: home.devices[0] }]);

	await generation(home, 2);
	await waitFor(async () => (await callsOf(home, /commands$/)).length >= 2, { what: "the second try" });
	// Three seconds in which a loop would show.
	const until = Date.now() + 3000;

	await waitFor(() => Date.now() > until);
	assert.ok((await callsOf(home, /oauth\/token/)).length <= 2);
	await stack.control("DELETE", "faults");
	await finished(ids);
});

test("a worker killed between the platform's answer and the database loses no token", async () => {
	const home = await newHome();
	const pid = await workerPid();

	await stack.control("POST", "faults", { path: "/oauth/token", action: "slow", delayMs: 1500, afterEffect: true });
	await sql(`UPDATE token SET refresh_after = now() WHERE installation_id = ${quote(home.id)}`);
	await wake();
	await waitFor(async () => (await sql(`SELECT claimed_by FROM token WHERE installation_id = ${quote(home.id)}`)) !== "", { what: "the claim" });
	// The database takes no answer while this transaction holds the row.
	const held = sql(`BEGIN; SELECT FROM token WHERE installation_id = ${quote(home.id)} FOR UPDATE; SELECT pg_sleep(4); COMMIT`);

	await waitFor(() => spooled(home).length === 1, { what: "the answer on the disk" });
	const file = readFileSync(path.join(stack.stateDir, "spool", spooled(home)[0]));

	process.kill(pid, "SIGKILL");
	assert.doesNotMatch(file.toString("latin1"), /access_token|refresh_token/);
	await held;
	await generation(home, 2);
	await waitFor(() => spooled(home).length === 0, { what: "the spool to be empty" });
	assert.equal((await installation(home)).status, "active");
	assert.equal((await finished(await click(home, [{ device: home.devices[0] }])))[0].status, "confirmed");
});

test("a database that is away when the platform answers loses no token", async () => {
	const home = await newHome();
	const postmaster = Number(readFileSync(path.join(stack.stateDir, "postgres/postmaster.pid"), "utf8").split("\n")[0]);

	await stack.control("POST", "faults", { path: "/oauth/token", action: "slow", delayMs: 1000, afterEffect: true });
	await sql(`UPDATE token SET refresh_after = now() WHERE installation_id = ${quote(home.id)}`);
	await wake();
	await waitFor(async () => (await sql(`SELECT claimed_by FROM token WHERE installation_id = ${quote(home.id)}`)) !== "", { what: "the claim" });
	const backends = (await sql("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'switchboard-worker%'")).split("\n").map(Number);

	// No new connection, and the worker's end.
	process.kill(postmaster, "SIGSTOP");
	try {
		for (const backend of backends)
			process.kill(backend, "SIGTERM");
		await waitFor(() => spooled(home).length === 1, { timeoutMs: 30000, what: "the answer on the disk" });
	} finally {
		process.kill(postmaster, "SIGCONT");
	}
	await generation(home, 2);
	await waitFor(() => spooled(home).length === 0, { what: "the spool to be empty" });
	assert.equal((await finished(await click(home, [{ device: home.devices[0] }])))[0].status, "confirmed");
});

test("an answer that neither disk nor database takes is kept until one does", async () => {
	const home = await newHome();
	const first = await workerPid();

	process.kill(first, "SIGSTOP");
	const worker = await anotherWorker();

	try {
		rmSync(path.join(worker.state, "spool"), { recursive: true });
		await stack.control("POST", "faults", { path: "/oauth/token", action: "slow", delayMs: 1000, afterEffect: true });
		await sql(`UPDATE token SET refresh_after = now() WHERE installation_id = ${quote(home.id)}; NOTIFY switchboard_work`);
		await waitFor(async () => (await sql(`SELECT claimed_by FROM token WHERE installation_id = ${quote(home.id)}`)) !== "", { what: "the claim" });
		// Longer than the worker's patience with a statement.
		await sql(`BEGIN; SELECT FROM token WHERE installation_id = ${quote(home.id)} FOR UPDATE; SELECT pg_sleep(8); COMMIT`);
		await generation(home, 2);
		assert.match(worker.log, /event=token\.refresh .*stored=no spooled=no/);
	} finally {
		assert.equal(await worker.stop(), 0);
		process.kill(first, "SIGCONT");
	}
});

/** Whatever is claimed stays so for an hour: nothing comes back because its lease ended. */
const holdClaims = (home) => sql(["job", "token", "command"].map((table) => `UPDATE ${table}
	SET claimed_until = now() + interval '1 hour' WHERE claimed_until IS NOT NULL AND installation_id = ${quote(home.id)}`).join(";"));

const faultsLeft = async () => (await stack.control("GET", "faults")).faults.length;

/** A call of each kind hangs and the stack's worker, which has claimed all three, is stopped; gives the command. */
async function stuck(home, pid) {
	for (const [method, where] of [["GET", "/devices"], ["POST", "/oauth/token"], ["POST", `/devices/${home.devices[0]}/commands`]])
		await stack.control("POST", "faults", { method, path: where, action: "hang" });
	await sql(`UPDATE token SET refresh_after = now() WHERE installation_id = ${quote(home.id)};
		SELECT job_put(${quote(home.id)}, 'device_sync')`);
	const ids = await click(home, [{ device: home.devices[0] }]);

	await waitFor(async () => await faultsLeft() === 0, { what: "the calls" });
	process.kill(pid, "SIGSTOP");
	await holdClaims(home);
	await sql(`UPDATE command SET deadline_at = now() + interval '1 hour' WHERE installation_id = ${quote(home.id)}`);
	return ids;
}

const claims = (home) => stack.rows(`SELECT 'job' AS what, claimed_by, claimed_until FROM job WHERE installation_id = ${quote(home.id)}
	UNION ALL SELECT 'token', claimed_by, claimed_until FROM token WHERE installation_id = ${quote(home.id)}
	UNION ALL SELECT 'command', claimed_by, claimed_until FROM command WHERE installation_id = ${quote(home.id)} ORDER BY 1`);

test("what a worker had claimed when it was killed is done by the next one of its state directory", async () => {
	const home = await newHome();

	await stack.control("POST", "calls/reset", {});
	const pid = await workerPid();
	const ids = await stuck(home, pid);
	const held = await claims(home);

	assert.deepEqual(held.map(({ what }) => what), ["command", "job", "token"]);
	assert.equal(new Set(held.map(({ claimed_by }) => claimed_by)).size, 1);
	process.kill(pid, "SIGKILL");
	await idle(home);
	await generation(home, 2);
	const [row] = await finished(ids);

	assert.deepEqual([row.status, row.attempts], ["confirmed", 2]);
	assert.equal((await callsOf(home, /oauth\/token/)).filter(({ status }) => status === 200).length, 1);
	assert.equal(await sql(`SELECT count(*) FROM worker WHERE worker_id = ${quote(held[0].claimed_by)}`), "0");
	assert.match(stack.log("worker"), new RegExp(`event=worker\\.died worker=${held[0].claimed_by} claims=3`));
});

test("the claims of a worker that hangs, or died elsewhere, are left to their leases", async () => {
	const home = await newHome();
	const first = await workerPid();

	await stuck(home, first);
	const held = await claims(home);
	const same = await anotherWorker({ SWITCHBOARD_STATE_DIR: stack.stateDir });
	const elsewhere = await anotherWorker();

	try {
		// Claims come after the look for the dead: whoever did this has looked.
		for (const worker of [same, elsewhere]) {
			process.kill((worker === same ? elsewhere : same).pid, "SIGSTOP");
			assert.equal((await finished(await click(home, [{ device: home.devices[1] }])))[0].status, "confirmed");
			process.kill((worker === same ? elsewhere : same).pid, "SIGCONT");
		}
		assert.deepEqual(await claims(home).then((rows) => rows.filter(({ claimed_by }) => claimed_by !== null)), held);
	} finally {
		assert.equal(await same.stop(), 0);
		assert.equal(await elsewhere.stop(), 0);
		process.kill(first, "SIGKILL");
	}
	await idle(home);
	await generation(home, 2);
});

test("a worker that lost the database gives back what it stopped working on", async () => {
	const home = await newHome();
	const postmaster = Number(readFileSync(path.join(stack.stateDir, "postgres/postmaster.pid"), "utf8").split("\n")[0]);

	await stack.control("POST", "faults", { path: "/devices", method: "GET", action: "slow", delayMs: 1500 });
	await sql(`SELECT job_put(${quote(home.id)}, 'device_sync')`);
	await wake();
	await waitFor(async () => await faultsLeft() === 0, { what: "the call" });
	await holdClaims(home);
	const backends = (await sql("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'switchboard-worker%'")).split("\n").map(Number);
	const dropped = () => stack.log("worker").split(`event=job.dropped installation=${home.id}`).length;
	const before = dropped();

	process.kill(postmaster, "SIGSTOP");
	try {
		for (const backend of backends)
			process.kill(backend, "SIGTERM");
		await waitFor(() => dropped() > before, { timeoutMs: 20000, what: "the job to be dropped" });
	} finally {
		process.kill(postmaster, "SIGCONT");
	}
	await idle(home);
	assert.equal((await installation(home)).sync_state, "done");
});

test("disconnecting uninstalls at the platform and forgets the tokens", async () => {
	for (const expired of [false, true]) {
		const home = await newHome();

		if (expired)
			await stack.control("POST", "tokens/expire", { installedAppId: home.id });
		assert.equal(await sql(`SELECT installation_disconnect(${home.user}, ${quote(home.id)}); NOTIFY switchboard_work`), "t");
		await waitFor(async () => (await token(home)) === undefined, { what: "the token to be gone" });
		const { installedApps } = await stack.control("GET", "state");

		assert.equal(installedApps.some(({ installedAppId }) => installedAppId === home.id), false);
		assert.equal((await installation(home)).status, "removed");
		await idle(home);
	}
});

test("disconnecting an installation whose tokens are dead forgets it as well", async () => {
	const home = await newHome();

	await stack.control("POST", "tokens/revoke", { installedAppId: home.id });
	await sql(`SELECT installation_disconnect(${home.user}, ${quote(home.id)}); NOTIFY switchboard_work`);
	await waitFor(async () => (await token(home)) === undefined, { what: "the token to be gone" });
	await idle(home);
});

test("a 429 stops that home's reading for as long as asked, and no other's", async () => {
	const home = await newHome();
	const other = await newHome();

	await stack.control("POST", "faults", { path: "/devices", method: "GET", action: "status", status: 429, retryAfter: 2 });
	await stack.control("POST", "calls/reset", {});
	await sql(`SELECT job_put(${quote(home.id)}, 'device_sync')`);
	await wake();
	await waitFor(async () => (await callsOf(home, /^GET \/devices$/)).length === 1, { what: "the 429" });
	await ask(other, "device_sync");
	assert.equal((await callsOf(home, /^GET \/devices$/)).length, 1);
	await idle(home);
	const [first, second] = (await callsOf(home, /^GET \/devices$/)).map(({ at }) => Date.parse(at));

	assert.ok(second - first >= 1900, `${second - first} ms between the calls`);
});

/** Each of these workers, the others stopped, has looked for work: "look" waits for something it does. */
async function eachAlone(pids, look) {
	for (const pid of pids) {
		const others = pids.filter((other) => other !== pid);

		others.forEach((other) => process.kill(other, "SIGSTOP"));
		try {
			await look();
		} finally {
			others.forEach((other) => process.kill(other, "SIGCONT"));
		}
	}
}

test("what one worker learns from a 429 holds for the other, and after a restart", async () => {
	const home = await newHome();
	const other = await newHome();
	const [limited] = home.devices;
	const second = await anotherWorker();
	const long = 3600;

	try {
		await stack.control("POST", "calls/reset", {});
		for (const [method, where] of [["GET", "/devices"], ["POST", `/devices/${limited}/commands`], ["POST", "/oauth/token"]])
			await stack.control("POST", "faults", { method, path: where, action: "status", status: 429, retryAfter: long });
		await sql(`UPDATE token SET refresh_after = now() WHERE installation_id = ${quote(home.id)};
			SELECT job_put(${quote(home.id)}, 'device_sync')`);
		await click(home, [{ device: limited }]);
		await waitFor(async () => await sql(`SELECT count(*) FROM pause WHERE installation_id = ${quote(home.id)}`) === "3",
			{ what: "the three answers" });

		// The token endpoint does not say for whom it refused; nobody else's token is due.
		const seen = async () => (await stack.control("GET", "calls")).log.filter(({ installedAppId, path: where }) =>
			(installedAppId === home.id && /\/(devices|commands)$/.test(where)) || where.endsWith("/oauth/token"))
			.map(({ method, path: where }) => `${method} ${where}`).sort();
		const before = await seen();

		assert.equal(before.length, 3);
		// All of it is asked for again, and is due.
		const [id] = await click(home, [{ device: limited, command: "off" }]);
		let turns = 0;
		const again = async () => {
			await sql(`UPDATE job SET run_at = now() WHERE installation_id = ${quote(home.id)};
				UPDATE token SET refresh_after = now() WHERE installation_id = ${quote(home.id)};
				UPDATE command SET run_at = now(), deadline_at = now() + interval '1 hour' WHERE command_id = ${quote(id)};
				SELECT job_put(${quote(other.id)}, 'device_sync'); NOTIFY switchboard_work`);
			await idle(other);
			// On, off, on: a state that is there already has no event to confirm it.
			const [row] = await finished(await click(other, [{ device: other.devices[0], command: turns++ % 2 ? "off" : "on" }]));

			assert.deepEqual([row.status, row.error], ["confirmed", null]);
		};

		await eachAlone([await workerPid(), second.pid], again);
		assert.deepEqual(await seen(), before);
		process.kill(await workerPid(), "SIGKILL");
		process.kill(second.pid, "SIGSTOP");
		await again();
		process.kill(second.pid, "SIGCONT");
		assert.deepEqual(await seen(), before);
		await sql(`DELETE FROM pause WHERE installation_id = ${quote(home.id)}; NOTIFY switchboard_work`);
		await idle(home);
		await generation(home, 2);
		assert.equal((await finished([id]))[0].status, "confirmed");
		assert.equal((await seen()).length, 6);
	} finally {
		await second.stop();
	}
});

test("the published limits of subscription calls hold for all workers together, and after a restart", async () => {
	const home = await newHome();
	const second = await anotherWorker();
	const counted = async () => (await callsOf(home, /subscriptions/)).length;
	const job = async () => (await stack.rows(`SELECT last_error, run_at > now() AS waits FROM job
		WHERE installation_id = ${quote(home.id)} AND kind = 'subscription_sync'`))[0];

	try {
		await stack.control("POST", "calls/reset", {});
		await stack.control("POST", "settings", { rateLimits: true });
		for (let i = 0; i < 20 && !(await job())?.waits; i++) {
			await sql(`SELECT job_put(${quote(home.id)}, 'subscription_sync'); NOTIFY switchboard_work`);
			await waitFor(async () => [undefined, true].includes((await job())?.waits), { what: "the job to be done, or to wait" });
		}
		assert.deepEqual(await job(), { last_error: "limit", waits: true });
		assert.deepEqual(new Set((await callsOf(home, /subscriptions/)).map(({ status }) => status)), new Set([200]), "never a 429");
		const before = await counted();

		assert.ok(before > 5 && before <= 15, `${before} calls`);
		process.kill(await workerPid(), "SIGKILL");
		process.kill(second.pid, "SIGSTOP");
		await sql(`UPDATE job SET run_at = now(), last_error = NULL WHERE installation_id = ${quote(home.id)}; NOTIFY switchboard_work`);
		await waitFor(async () => (await job()).last_error === "limit", { what: "the next worker to try" });
		process.kill(second.pid, "SIGCONT");
		assert.equal(await counted(), before);
	} finally {
		process.kill(second.pid, "SIGCONT");
		await second.stop();
	}
});

test("no more subscriptions are created than the platform allows", async () => {
	const home = await newHome();
	const personal = await stack.control("POST", "personal-token", { accountId: (await installation(home)).owner_id });

	// Two are left of the forty; what is missing is made when there is leave for it.
	await sql(`UPDATE call_pace SET made_at = array_fill(now(), ARRAY[38])
		WHERE installation_id = ${quote(home.id)} AND kind = 'subscription_create'`);
	await request(`${stack.simulatorUrl}/v1/installedapps/${home.id}/subscriptions`,
		{ method: "DELETE", headers: { Authorization: `Bearer ${personal.token}` } });
	await stack.control("POST", "calls/reset", {});
	await sql(`SELECT job_put(${quote(home.id)}, 'subscription_sync'); NOTIFY switchboard_work`);
	await waitFor(async () => await sql(`SELECT last_error FROM job WHERE installation_id = ${quote(home.id)}
		AND kind = 'subscription_sync'`) === "limit", { what: "the job to wait" });
	assert.equal((await callsOf(home, /^POST .*subscriptions$/)).length, 2);
	await sql(`DELETE FROM call_pace WHERE installation_id = ${quote(home.id)};
		UPDATE job SET run_at = now() WHERE installation_id = ${quote(home.id)}; NOTIFY switchboard_work`);
	await idle(home);
	assert.equal((await callsOf(home, /^POST .*subscriptions$/)).length, 4);
	assert.equal(await sql(`SELECT count(*) FROM subscription WHERE installation_id = ${quote(home.id)}`), "4");
});

test("two workers share the work and send nothing twice", async () => {
	const home = await newHome(Array.from({ length: 24 }, (_, n) => lamp(`Lamp ${n}`)));
	const second = await anotherWorker();

	try {
		await waitFor(async () => (await sql("SELECT count(*) FROM worker WHERE seen_at > now() - interval '10 seconds'")) >= 2);
		await stack.control("POST", "calls/reset", {});
		const rows = await finished(await click(home, home.devices.map((device) => ({ device }))));

		assert.deepEqual(rows.filter(({ status }) => status !== "confirmed"), []);
		assert.equal((await callsOf(home, /commands$/)).length, 24);
		await stack.control("POST", "calls/reset", {});
		await stack.control("POST", "tokens/expire", { installedAppId: home.id });
		await finished(await click(home, home.devices.map((device) => ({ device, command: "off" }))));
		assert.equal((await callsOf(home, /oauth\/token/)).length, 1);
	} finally {
		assert.equal(await second.stop(), 0);
	}
});

test("SIGTERM lets what is in flight finish and be recorded", async () => {
	const home = await newHome();
	const first = await workerPid();

	process.kill(first, "SIGSTOP");
	const worker = await anotherWorker();

	try {
		await stack.control("POST", "faults", { path: `/devices/${home.devices[0]}/commands`, action: "slow", delayMs: 1500, afterEffect: true });
		const ids = await click(home, [{ device: home.devices[0] }]);

		await waitFor(async () => (await callsOf(home)).length >= 0 && (await commands(ids))[0].status !== "requested", { what: "the claim" });
		assert.equal(await worker.stop(), 0);
		assert.match((await commands(ids))[0].status, /^(accepted|confirmed)$/);
		assert.equal((await commands(ids))[0].attempts, 1);
	} finally {
		process.kill(first, "SIGCONT");
	}
});

test("over the month's budget syncs wait and commands go", async () => {
	const home = await newHome();
	const first = await workerPid();

	process.kill(first, "SIGSTOP");
	const worker = await anotherWorker({ SWITCHBOARD_CALL_BUDGET: "1" });

	try {
		await stack.control("POST", "calls/reset", {});
		await sql(`SELECT job_put(${quote(home.id)}, 'device_sync'); NOTIFY switchboard_work`);
		await waitFor(async () => /used up/.test((await installation(home)).sync_error ?? ""), { what: "the sync to be put off" });
		assert.deepEqual(await callsOf(home), []);
		assert.equal((await finished(await click(home, [{ device: home.devices[0] }])))[0].status, "confirmed");
		assert.match(worker.log, /event=api\.budget/);
	} finally {
		await worker.stop();
		process.kill(first, "SIGCONT");
		await sql(`DELETE FROM job WHERE installation_id = ${quote(home.id)}`);
	}
});

test("it starts and stays up without a database", async () => {
	const worker = await anotherWorker({ SWITCHBOARD_DATABASE_URL: "postgresql://nobody@/none?host=/nonexistent",
		SWITCHBOARD_DATABASE_URL_FILE: undefined });

	await waitFor(() => /event=worker\.database state=away/.test(worker.log), { what: "the loss to be noticed" });
	assert.equal(await worker.stop(), 0);
});

test("a database address libpq cannot read is a clear line and exit 78", async () => {
	const worker = await anotherWorker({ SWITCHBOARD_DATABASE_URL: "postgresql://u:hidden@/x?nonsense=1",
		SWITCHBOARD_DATABASE_URL_FILE: undefined }, { ready: false });

	assert.equal(await worker.ended, 78);
	assert.match(worker.log, /^[^\n]*SWITCHBOARD_DATABASE_URL[^\n]*\n$/);
	assert.ok(!worker.log.includes("hidden"));
	rmSync(worker.state, { recursive: true, force: true });
});

test("a state directory it cannot use is a clear line and exit 78", async () => {
	const worker = await anotherWorker({ SWITCHBOARD_STATE_DIR: "/proc/none" }, { ready: false });

	assert.equal(await worker.ended, 78);
	assert.match(worker.log, /^switchboard-worker: SWITCHBOARD_STATE_DIR: [^\n]+\n$/);
	await worker.stop();
});

test("no token is in the worker's log", async () => {
	const simulated = readFileSync(path.join(stack.stateDir, "simulator/state.json"), "utf8");
	const tokens = [...Object.keys(JSON.parse(simulated).tokens), ...Object.keys(JSON.parse(simulated).refreshTokens)];
	const log = stack.log("worker");

	assert.ok(tokens.length > 10);
	assert.deepEqual(tokens.filter((text) => log.includes(text)), []);
});
