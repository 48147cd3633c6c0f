// "All off" (or on) in a home of 200 switches, while another home turns on one: what goes over the wire, in
// which order, and over how many connections.  The simulator's log is the witness.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { csrfToken, linkAccount, startStack, waitFor } from "../stack.mjs";

const LAMPS = 188;
const OUTLETS = 12;
const SWITCHES = LAMPS + OUTLETS;
/* Of the large home's commands so many may go before the other home's, at most. */
const PATIENCE = 60;
/* WORKER_COMMANDS_EACH of the worker, for the large home, and some for the other. */
const CONNECTIONS = 16;

let stack;
let large;
let small;

before(async () => {
	stack = await startStack();
	const outlets = Array.from({ length: OUTLETS }, (_, n) => ({ id: n === 0 ? "main" : `outlet${n}`, capabilities: ["switch"], state: "on" }));
	const lamps = Array.from({ length: LAMPS }, (_, n) => ({ name: "Lamp", label: `Lamp ${n}`,
		components: [{ id: "main", capabilities: ["switch"], state: "on" }] }));

	large = await newHome("Hotel", [{ name: "Strip", label: "Strip", components: outlets }, ...lamps]);
	small = await newHome("Hut", [{ name: "Lamp", label: "Only one", components: [{ id: "main", capabilities: ["switch"], state: "off" }] }]);
	assert.notEqual(large.user, small.user);
	await stack.control("POST", "settings", { rateLimits: true });
});

after(() => stack?.stop());

beforeEach(async () => {
	await waitFor(async () => (await stack.psql("SELECT count(*) FROM command WHERE claimed_until > now()")) === "0",
		{ what: "all calls to be answered" });
	await stack.control("POST", "calls/reset", {});
});

/** An account of its own with one location, linked and read. */
async function newHome(name, devices) {
	const { locations: [location] } = await stack.control("POST", "accounts",
		{ name: `Owner of ${name}`, locations: [{ name, rooms: [], devices }] });
	const jar = await linkAccount(stack, { location: location.locationId });
	const { installedApps } = await stack.control("GET", "state");
	const { installedAppId: id } = installedApps.find(({ locationId }) => locationId === location.locationId);

	await waitFor(async () => (await stack.psql(`SELECT count(*) FROM job WHERE installation_id = '${id}'`)) === "0", { what: "the sync" });
	return { id, jar, devices: location.devices.map(({ deviceId }) => deviceId), csrf: await csrfToken(stack, jar),
		user: await stack.psql(`SELECT user_id FROM installation WHERE installation_id = '${id}'`) };
}

/** How many switches of a home the page shows so. */
const shown = async (home, wanted) => (await stack.request("/api/switches", { jar: home.jar })).json().switches
	.filter(({ state }) => state === wanted).length;

async function post(home, where, json) {
	const answer = await stack.request(where, { jar: home.jar, json, headers: { "X-CSRF-Token": home.csrf } });

	assert.equal(answer.status, 202, answer.text);
	return answer.json();
}

const all = async (home, command) => (await post(home, "/api/switches", { command })).commandIds;
const one = async (home, command) => [(await post(home, `/api/switches/${home.devices[0]}/main`, { command })).commandId];

const rowsOf = (ids) => stack.rows(`SELECT command_id, status, error, attempts, requested_at FROM command
	WHERE command_id IN (${ids.map((id) => `'${id}'`).join()})`);

const finished = (ids) => waitFor(async () => {
	const rows = await rowsOf(ids);

	return rows.length === ids.length && rows.every(({ status }) => ["confirmed", "failed"].includes(status)) && rows;
}, { timeoutMs: 60000, what: `${ids.length} commands to be finished` });

/** What the platform was sent since "from", in order: { home, device, component, at (ms) }. */
async function sent(from) {
	const { commands } = await stack.control("GET", "commands");

	return commands.slice(from).map((command) => ({
		home: command.installedAppId === large.id ? large : small,
		key: `${command.deviceId}/${command.component}`,
		at: Date.parse(command.at),
		executedAt: Date.parse(command.executedAt),
	}));
}

const sentSoFar = async () => (await stack.control("GET", "commands")).commands.length;

/** Every command once and obeyed, within the limits, over few connections. */
async function judge(t, from, ids, command) {
	const rows = await finished(ids);
	const list = await sent(from);
	const calls = (await stack.control("GET", "calls")).log.filter(({ path: where }) => /commands$/.test(where));
	const perDevice = new Map();

	/* The events of 200 commands may take a busy machine longer than a page waits for them. */
	assert.deepEqual(rows.filter(({ error, attempts }) => ![null, "unconfirmed"].includes(error) || attempts !== 1), []);
	await waitFor(async () => await shown(large, command) === SWITCHES, { timeoutMs: 60000, what: "the events" });
	assert.equal(list.length, SWITCHES + 1);
	assert.equal(new Set(list.map(({ key }) => key)).size, SWITCHES + 1, "none twice");
	assert.deepEqual(calls.filter(({ status }) => status !== 200), []);
	for (const { path: where } of calls)
		perDevice.set(where, (perDevice.get(where) ?? 0) + 1);
	assert.ok(Math.max(...perDevice.values()) <= 2, "a device's commands share requests");
	const connections = new Set(calls.map(({ port }) => port)).size;

	t.diagnostic(`${calls.length} calls over ${connections} connections in ${list.at(-1).at - list[0].at} ms, ` +
		`${rows.filter(({ status }) => status === "confirmed").length} commands confirmed in time`);
	return { list, connections, rows };
}

/** How many of the large home's commands the other's had to wait for since it was asked for, and how long. */
function waited(t, list, row) {
	const asked = Date.parse(row.requested_at);
	const mine = list.findIndex(({ home }) => home === small);
	const before = list.slice(0, mine).filter(({ at }) => at >= asked).length;

	t.diagnostic(`the other home's command: ${before} of ${SWITCHES} went before it, ` +
		`${list[mine].at - asked} ms from the click to the platform`);
	return before;
}

function signalAll(pids, name) {
	for (const pid of pids)
		process.kill(pid, name);
}

/** One more worker, with the environment of the one that runs and a state directory of its own. */
async function anotherWorker() {
	const [pid] = stack.pids("switchboard-worker");
	const theirs = Object.fromEntries(readFileSync(`/proc/${pid}/environ`, "utf8").split("\0")
		.filter((pair) => pair.includes("=")).map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]));
	const state = mkdtempSync(path.join(tmpdir(), "switchboard-worker-"));
	const child = spawn(`/proc/${pid}/exe`, [], { stdio: ["ignore", "ignore", "pipe"], env: { ...theirs, SWITCHBOARD_STATE_DIR: state } });
	let log = "";

	child.stderr.on("data", (part) => (log += part));
	const ended = new Promise((resolve) => child.on("close", (code, signal) => resolve(signal ?? code)));
	const stop = async () => {
		child.kill("SIGTERM");
		const how = await ended;

		rmSync(state, { recursive: true, force: true });
		return how;
	};

	await waitFor(() => /event=worker\.started/.test(log), { what: "another worker" });
	return { pid: child.pid, stop };
}

/* Both are there before any worker looks: only its choice decides who comes first. */
async function queued(t, pids, command) {
	const from = await sentSoFar();
	let ids;

	signalAll(pids, "SIGSTOP");
	try {
		ids = [...await all(large, command), ...await one(small, "on")];
	} finally {
		signalAll(pids, "SIGCONT");
	}
	assert.equal(ids.length, SWITCHES + 1);
	const { list, connections, rows } = await judge(t, from, ids, command);

	assert.ok(waited(t, list, rows.find(({ command_id: id }) => id === ids.at(-1))) < PATIENCE);
	return connections;
}

test("200 commands of one home and one of another, asked for together", async (t) => {
	assert.ok(await queued(t, stack.pids("switchboard-worker"), "off") <= CONNECTIONS);
});

test("one home's click while 200 commands of another are on their way to a slow platform", async (t) => {
	await stack.control("POST", "faults", { path: "*/commands", action: "slow", delayMs: 300, afterEffect: true, count: 1000 });
	await finished(await one(small, "off"));
	const from = await sentSoFar();
	const ids = await all(large, "on");

	await waitFor(async () => await sentSoFar() - from >= 20, { what: "the first commands to be on their way" });
	ids.push(...await one(small, "on"));
	const { list, connections, rows } = await judge(t, from, ids, "on");

	assert.ok(waited(t, list, rows.find(({ command_id: id }) => id === ids.at(-1))) < PATIENCE);
	assert.ok(connections <= CONNECTIONS);
	await stack.control("DELETE", "faults");
});

test("the same with two workers", async (t) => {
	await finished(await one(small, "off"));
	const second = await anotherWorker();

	try {
		assert.ok(await queued(t, [...stack.pids("switchboard-worker").filter((pid) => pid !== second.pid), second.pid], "off") <= 2 * CONNECTIONS);
	} finally {
		assert.equal(await second.stop(), 0);
	}
});
