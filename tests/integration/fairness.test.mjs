// 200 commands of one installation (all off, or all on) and one command of another: in which order and over how
// many connections the worker sends them, as the simulator's log shows.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { continueAll, stopAll } from "../processes.mjs";
import { JOB_IS_OPEN, csrfToken, linkAccount, quote, startStack, waitFor } from "../stack.mjs";
import { openStream } from "./stream.mjs";
import { startWorker } from "./worker_process.mjs";

const LAMPS = 188;
const OUTLETS = 12;
const SWITCHES = LAMPS + OUTLETS;
/* At most so many of the large installation's commands may be sent before the other installation's. */
const SENT_BEFORE_MAX = 60;
/* The worker's limit for one installation that is alone (src/worker/commands.c), and some for the other. */
const CONNECTIONS = 40;

let stack;
let large;
let small;

before(async () => {
	stack = await startStack();
	const outlets = Array.from({ length: OUTLETS }, (_, n) => ({ id: n === 0 ? "main" : `outlet${n}`, capabilities: ["switch"], state: "on" }));
	const lamps = Array.from({ length: LAMPS }, (_, n) => ({ name: "Lamp", label: `Lamp ${n}`,
		components: [{ id: "main", capabilities: ["switch"], state: "on" }] }));

	large = await newInstallation("Hotel", [{ name: "Strip", label: "Strip", components: outlets }, ...lamps]);
	small = await newInstallation("Hut", [{ name: "Lamp", label: "Only one", components: [{ id: "main", capabilities: ["switch"], state: "off" }] }]);
	assert.notEqual(large.user, small.user);
	await stack.control("POST", "settings", { rateLimits: true });
});

after(() => stack?.stop());

beforeEach(async () => {
	await waitFor(async () => (await stack.psql("SELECT count(*) FROM command WHERE claimed_until > now()")) === "0",
		{ what: "all calls to be answered" });
	await stack.control("POST", "calls/reset", {});
});

/** A new account with one location, linked; returns when its devices are in the database. */
async function newInstallation(name, devices) {
	const { locations: [location] } = await stack.control("POST", "accounts",
		{ name: `Owner of ${name}`, locations: [{ name, rooms: [], devices }] });
	const jar = await linkAccount(stack, { location: location.locationId });
	const { installedAppId: id } = await stack.installedApp(location.locationId);

	await waitFor(async () => (await stack.psql(`SELECT count(*) FROM work WHERE installation_id = '${id}' AND ${JOB_IS_OPEN}`)) === "0", { what: "the sync" });
	return { id, jar, devices: location.devices.map(({ deviceId }) => deviceId), csrf: await csrfToken(stack, jar),
		user: await stack.psql(`SELECT user_id FROM installation WHERE installation_id = '${id}'`) };
}

/** How many switches of an installation the page shows in a state. */
const shown = async (installation, wanted) => (await stack.switches(installation.jar))
	.filter(({ state }) => state === wanted).length;

async function post(installation, where, json) {
	const answer = await stack.request(where, { jar: installation.jar, json, headers: { "X-CSRF-Token": installation.csrf } });

	assert.equal(answer.status, 202, answer.text);
	return answer.json();
}

const all = async (installation, command) => (await post(installation, "/api/switches", { command })).commandIds;
const one = async (installation, command) => [(await post(installation, `/api/switches/${installation.devices[0]}/main`, { command })).commandId];

const rowsOf = (ids) => stack.rows(`SELECT command_id, status, error, attempts, requested_at FROM command
	WHERE command_id IN (${ids.map(quote).join()})`);

const finished = (ids) => waitFor(async () => {
	const rows = await rowsOf(ids);

	return rows.length === ids.length && rows.every(({ status }) => ["confirmed", "failed"].includes(status)) && rows;
}, { timeoutMs: 60000, what: `${ids.length} commands to be finished` });

/** The commands that the platform received after the first "from", in order: { installation, key, at (ms) }. */
async function sent(from) {
	const { commands } = await stack.control("GET", "commands");

	return commands.slice(from).map((command) => ({
		installation: command.installedAppId === large.id ? large : small,
		key: `${command.deviceId}/${command.component}`,
		at: Date.parse(command.at),
	}));
}

const sentSoFar = async () => (await stack.control("GET", "commands")).commands.length;

/** Assert that every command was executed, sent once and within the rate limits. */
async function check(t, from, ids, command) {
	const rows = await finished(ids);
	const list = await sent(from);
	const calls = (await stack.control("GET", "calls")).log.filter(({ path: where }) => /commands$/.test(where));
	const perDevice = new Map();

	/* On a busy machine the events of 200 commands may come later than the 10 s that a command waits for its own. */
	assert.deepEqual(rows.filter(({ error, attempts }) => ![null, "unconfirmed"].includes(error) || attempts !== 1), []);
	await waitFor(async () => await shown(large, command) === SWITCHES, { timeoutMs: 60000, what: "the events" });
	assert.equal(list.length, SWITCHES + 1);
	assert.equal(new Set(list.map(({ key }) => key)).size, SWITCHES + 1, "no command was sent twice");
	assert.deepEqual(calls.filter(({ status, protocol }) => status !== 200 || protocol !== stack.protocol), []);
	for (const { path: where } of calls)
		perDevice.set(where, (perDevice.get(where) ?? 0) + 1);
	assert.ok(Math.max(...perDevice.values()) <= 2, "commands of one device share requests");
	const connections = new Set(calls.map(({ port }) => port)).size;

	t.diagnostic(`${calls.length} calls over ${connections} connections in ${list.at(-1).at - list[0].at} ms, ` +
		`${rows.filter(({ status }) => status === "confirmed").length} commands confirmed in time`);
	return { list, connections, rows };
}

/** How many of the large installation's commands were sent between the request of the other's and its sending. */
function sentBefore(t, list, row) {
	const requested = Date.parse(row.requested_at);
	const mine = list.findIndex(({ installation }) => installation === small);
	const before = list.slice(0, mine).filter(({ at }) => at >= requested).length;

	t.diagnostic(`the other installation's command: ${before} of ${SWITCHES} were sent before it, ` +
		`${list[mine].at - requested} ms from its request to the platform`);
	return before;
}

/* The workers are stopped until all commands are stored, so that only their own order decides. */
async function queued(t, pids, command) {
	const from = await sentSoFar();
	let ids;

	await stopAll(pids);
	try {
		ids = [...await all(large, command), ...await one(small, "on")];
	} finally {
		continueAll(pids);
	}
	assert.equal(ids.length, SWITCHES + 1);
	const { list, connections, rows } = await check(t, from, ids, command);

	assert.ok(sentBefore(t, list, rows.find(({ command_id: id }) => id === ids.at(-1))) < SENT_BEFORE_MAX);
	return connections;
}

test("a command of one installation is sent among the first of another's 200, requested at the same time", async (t) => {
	assert.ok(await queued(t, stack.pids("switchboard-worker"), "off") <= CONNECTIONS);
});

test("a command of one installation is sent soon while 200 of another wait for a slow platform", async (t) => {
	await stack.control("POST", "faults", { path: "*/commands", action: "slow", delayMs: 300, afterEffect: true, count: 1000 });
	await finished(await one(small, "off"));
	const from = await sentSoFar();
	const ids = await all(large, "on");

	await waitFor(async () => await sentSoFar() - from >= 20, { what: "the first commands to be sent" });
	ids.push(...await one(small, "on"));
	const { list, connections, rows } = await check(t, from, ids, "on");

	assert.ok(sentBefore(t, list, rows.find(({ command_id: id }) => id === ids.at(-1))) < SENT_BEFORE_MAX);
	assert.ok(connections <= CONNECTIONS);
	await stack.control("DELETE", "faults");
});

test("two workers send a command of one installation among the first of another's 200", async (t) => {
	await finished(await one(small, "off"));
	const second = await startWorker(stack);

	try {
		assert.ok(await queued(t, [...stack.pids("switchboard-worker").filter((pid) => pid !== second.pid), second.pid], "off") <= 2 * CONNECTIONS);
	} finally {
		assert.equal(await second.stop(), 0);
	}
});

/** As if these commands had been requested earlier. */
const age = (ids, seconds) => stack.psql(`UPDATE command SET requested_at = requested_at - interval '${seconds} seconds',
	deadline_at = deadline_at - interval '${seconds} seconds' WHERE command_id IN (${ids.map(quote).join()})`);

test("200 commands that no worker sent for minutes say that they wait, and are sent then", async () => {
	const pids = stack.pids("switchboard-worker");
	let ids;

	await stopAll(pids);
	try {
		ids = await all(large, "on");
		assert.equal(ids.length, SWITCHES);
		assert.ok((await stack.switches(large.jar)).every(({ pending }) => pending));
		await age(ids, 150);
		assert.deepEqual((await stack.switches(large.jar)).filter(({ pending, waiting }) => !pending || !waiting), []);
	} finally {
		continueAll(pids);
	}
	/* Not "expired"; "unconfirmed" as above. */
	assert.deepEqual((await finished(ids)).filter(({ error }) => ![null, "unconfirmed"].includes(error)), []);
	await waitFor(async () => await shown(large, "on") === SWITCHES, { timeoutMs: 60000, what: "the events" });
	assert.deepEqual((await stack.switches(large.jar)).filter(({ waiting }) => waiting), []);
});

test("a command that could not be sent for five minutes fails, and the page hears why", async () => {
	const pids = stack.pids("switchboard-worker");
	const from = await sentSoFar();
	const { cursor } = (await stack.request("/api/switches", { jar: small.jar })).json();
	const stream = await openStream(stack, { jar: small.jar, cursor });
	let ids;

	await stopAll(pids);
	try {
		ids = await one(small, "off");
		await age(ids, 301);
	} finally {
		continueAll(pids);
	}
	assert.deepEqual((await finished(ids)).map(({ error, attempts }) => [error, attempts]), [["expired", 0]]);
	const { data } = await stream.next(({ event, data: { commandId } }) => event === "command" && commandId === ids[0], { timeoutMs: 30000 });

	assert.deepEqual([data.code, data.message], ["expired", "It could not be sent within five minutes."]);
	assert.equal(await sentSoFar(), from);
	stream.close();
});
