// Everything that can die dies, under load, and nothing is lost: see referee.mjs for what that means.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { CookieJar, linkAccount, waitFor } from "../stack.mjs";
import { eventBody, switchEvent } from "./key_server.mjs";
import { PROGRAMS, Parts } from "./parts.mjs";
import { Home, Load, Reader, Referee, dimmer, lamp, lamps, strip } from "./referee.mjs";

const DEFAULTS = { duplicate: false, reorder: false, batch: false, hold: false, keyServer: "ok", commandDelayMs: 80 };
let parts;
let referee;

before(async () => {
	parts = await Parts.start();
	referee = new Referee(parts);
});

after(() => parts?.stop());

beforeEach(async () => {
	await parts.control("DELETE", "faults");
	await parts.control("POST", "settings", DEFAULTS);
});

const fault = (body) => parts.control("POST", "faults", body);
const onDevice = (device, body) => fault({ path: `/devices/${device}/commands`, ...body });

/** Flips at the house, spread over the home's devices; counted, so that events can be. */
function flips(home, devices = home.devices, options) {
	let n = 0;

	return new Load(parts, () => home.flip(devices[n++ % devices.length]), options);
}

/** Clicks on the page, on and off in turn. */
function clicks(home, devices, options) {
	let n = 0;

	return new Load(parts, async () => {
		const device = devices[n % devices.length];
		const command = Math.floor(n++ / devices.length) % 2 ? "off" : "on";
		const answer = await home.click(device, { command });

		if (answer.status !== 202)
			throw new Error(`a click was answered ${answer.status}`);
	}, { atOnce: 1, pauseMs: 30, ...options });
}

/** A webhook of ours, signed by the platform; its answer. */
async function post(home, { ms = Date.now() } = {}) {
	const body = eventBody(home.id, [switchEvent("elsewhere", "on", { ms })]);
	const { headers } = await parts.control("POST", "sign", { body });

	return parts.request("/", { method: "POST", body, headers: { ...headers, "Content-Type": "application/json" } });
}

function assertAway(answer) {
	assert.equal(answer.status, 503, answer.text.slice(0, 200));
	assert.match(answer.headers["retry-after"], /^\d+$/);
}

/** One more worker with the environment of the one that runs, and a state directory of its own. */
async function anotherWorker() {
	const [pid] = parts.pids("worker");
	const env = Object.fromEntries(readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").filter((pair) => pair.includes("="))
		.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]));
	const state = mkdtempSync(path.join(tmpdir(), "switchboard-worker-"));
	const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", path.join(parts.stack.stateDir, "app/bin", PROGRAMS.worker)],
		{ stdio: ["ignore", "ignore", "pipe"], env: { ...env, SWITCHBOARD_STATE_DIR: state } });
	const worker = { pid: child.pid, log: "" };

	child.stderr.on("data", (part) => (worker.log += part));
	const ended = new Promise((resolve) => child.on("close", (code, signal) => resolve(signal ?? code)));

	worker.end = async (signal) => {
		child.kill(signal);
		const how = await ended;

		rmSync(state, { recursive: true, force: true });
		return how;
	};
	await waitFor(() => /event=worker\.started/.test(worker.log), { what: "another worker" });
	return worker;
}

for (const mode of ["fast", "immediate"]) {
	test(`PostgreSQL is stopped (${mode}) and started under load: nothing is lost, nothing twice`, async (t) => {
		const home = await Home.make(parts, [...lamps(4), dimmer("Dim"), strip("Strip")]);
		const reader = await new Reader(home).open();
		const before = (await referee.note(), referee.delivered.size);
		const load = flips(home, home.devices.slice(0, 4));
		const clicking = clicks(home, home.devices.slice(4));

		await load.more(20);
		await parts.database.stop(mode);
		await load.more(20);
		for (let i = 0; i < 8; i++)
			assertAway(await post(home));
		assertAway(await parts.request("/api/switches", { jar: home.jar }));
		await parts.database.start();
		await load.more(20);
		await Promise.all([load.stop(), clicking.stop()]);
		const result = await referee.judge([home], { allowed: ["superseded", "expired"] });

		assert.equal(load.failed, 0);
		assert.equal(await parts.psql(`SELECT count(*) FROM event WHERE installation_id = '${home.id}'
			AND device_id IN (${home.devices.slice(0, 4).map((id) => `'${id}'`)})`), String(load.done));
		t.diagnostic(`${load.done} flips, ${referee.delivered.size - before} events, commands ${JSON.stringify(result.commands)}; ` +
			`the page is true after ${await reader.shows()} ms`);
		await reader.close();
	});
}

for (const program of ["webhook", "dashboard", "oauth", "events", "worker"]) {
	test(`kill -9 of ${program}, six times under load`, async (t) => {
		const home = await Home.make(parts, [...lamps(4), dimmer("Dim"), strip("Strip")]);
		const reader = await new Reader(home).open();
		const load = flips(home, home.devices.slice(0, 3), { atOnce: 4, pauseMs: 1 });
		const clicking = clicks(home, home.devices.slice(3), { atOnce: 3, pauseMs: 2 });
		// Somebody else signs in, again and again.
		const other = await Home.make(parts, [lamp("Other")]);
		const signingIn = new Load(parts, () => linkAccount(parts, { location: other.location }), { atOnce: 1, pauseMs: 300 });

		for (let i = 0; i < 6; i++) {
			await load.more(15);
			await parts.returned(program, parts.kill(program));
		}
		await load.more(10);
		await Promise.all([load.stop(), clicking.stop(), signingIn.stop()]);
		assert.equal(load.failed, 0);
		// One that was killed in the middle of an exchange took the tokens with it: the person links again.
		await other.link();
		const result = await referee.judge([home, other], { allowed: ["superseded", "reconnect"] });

		assert.equal(await parts.psql(`SELECT count(*) FROM event WHERE installation_id = '${home.id}'
			AND device_id IN (${home.devices.slice(0, 3).map((id) => `'${id}'`)})`), String(load.done));
		t.diagnostic(`${load.done} flips, ${clicking.done} clicks (${clicking.failed} refused), ${signingIn.done} sign-ins ` +
			`(${signingIn.failed} failed), commands ${JSON.stringify(result.commands)}; the page is true after ${await reader.shows()} ms`);
		await reader.close();
	});
}

test("kill -9 of the web server under load", async (t) => {
	const home = await Home.make(parts, lamps(4));
	const reader = await new Reader(home).open();
	const load = flips(home, home.devices.slice(0, 2));
	const clicking = clicks(home, home.devices.slice(2));

	for (let i = 0; i < 3; i++) {
		await load.more(10);
		await parts.killWeb();
		await load.more(5);
		await parts.startWeb();
	}
	await Promise.all([load.stop(), clicking.stop()]);
	const result = await referee.judge([home]);

	t.diagnostic(`${load.done} flips, commands ${JSON.stringify(result.commands)}; the page is true after ${await reader.shows()} ms`);
	await reader.close();
});

test("kill -9 of the platform with webhooks in its queue: what it delivers again is stored once", async () => {
	const home = await Home.make(parts, lamps(4));
	const dead = parts.pids("webhook");

	// Nobody answers: the queue grows, and some of it has been stored before the connection is cut.
	for (let round = 0; round < 3; round++) {
		await parts.control("POST", "settings", { hold: true });
		for (let i = 0; i < 20; i++)
			await home.flip(home.devices[i % 4]);
		await parts.simulatorSaved();
		await parts.control("POST", "settings", { hold: false });
		await waitFor(async () => (await referee.note()).filter(({ state }) => state === "delivered").length > 3, { intervalMs: 1 });
		await referee.note();
		await parts.simulator.kill();
		await parts.startSimulator();
		await parts.control("POST", "settings", { hold: false });
	}
	assert.ok(dead.every((pid) => parts.pids("webhook").includes(pid)), "the webhook did not mind");
	await referee.judge([home]);
	assert.equal(await parts.psql(`SELECT count(*) FROM event WHERE installation_id = '${home.id}' AND event_type = 'DEVICE_EVENT'`), "60");
});

test("commands meet a platform that hangs, fails, or asks for patience: tried again, and failed with a reason", async (t) => {
	const home = await Home.make(parts, lamps(8));
	const [hangs, fails, busy, cut, late, alwaysFails, alwaysBusy, alwaysHangs] = home.devices;
	const reader = await new Reader(home).open();

	await parts.control("POST", "calls/reset", {});
	await onDevice(hangs, { action: "hang" });
	await onDevice(fails, { action: "status", status: 500, count: 3 });
	await onDevice(busy, { action: "status", status: 429, retryAfter: 1, count: 4 });
	await onDevice(cut, { action: "cut", count: 2 });
	await onDevice(late, { action: "slow", delayMs: 3000 });
	await onDevice(alwaysFails, { action: "status", status: 503, count: 1000 });
	await onDevice(alwaysBusy, { action: "status", status: 429, retryAfter: 300, count: 1000 });
	await onDevice(alwaysHangs, { action: "hang", count: 1000 });
	const answers = await Promise.all(home.devices.map((device) => home.click(device)));

	assert.deepEqual(answers.map(({ status }) => status), Array(8).fill(202));
	const rows = await home.finished();
	const outcome = home.devices.map((device) => rows.find(({ device_id: id }) => id === device))
		.map(({ status, error, attempts }) => ({ status, error, attempts }));

	t.diagnostic(JSON.stringify(rows.map(({ status, error, attempts, took }) => ({ status, error, attempts, took }))));
	assert.deepEqual(outcome.map(({ status, error }) => error ?? status),
		[...Array(5).fill("confirmed"), ...Array(3).fill("expired")]);
	assert.deepEqual(outcome.slice(0, 5).map(({ attempts }) => attempts), [2, 4, 5, 3, 1]);
	assert.equal(outcome[6].attempts, 1, "Retry-After is respected");
	for (const { took } of rows)
		assert.ok(/^00:00:[0-4]/.test(took), took);
	await parts.control("DELETE", "faults");
	await waitFor(() => reader.failures.length === 3, { what: "the page to say so" });
	assert.deepEqual(reader.failures.map(({ code }) => code), Array(3).fill("expired"));
	const { executed } = (await referee.judge([home], { allowed: ["expired"] }), referee);

	assert.deepEqual(home.devices.map((device) => [...executed.values()].filter(({ deviceId }) => deviceId === device).length),
		[1, 1, 1, 1, 1, 0, 0, 0]);
	await reader.close();
});

test("what the platform says to a command while PostgreSQL is away is not forgotten", async () => {
	const home = await Home.make(parts, lamps(4));
	const [taken, refused, failing, busy] = home.devices;
	const answer = { action: "slow", delayMs: 6000, afterEffect: true };
	const rows = async () => {
		const found = await home.commands();

		return home.devices.map((device) => found.find(({ device_id: id }) => id === device));
	};

	await onDevice(taken, answer);
	await onDevice(refused, { action: "status", status: 403, delayMs: 6000 });
	await onDevice(failing, { action: "status", status: 500, delayMs: 6000 });
	await onDevice(busy, { action: "status", status: 429, retryAfter: 3600, delayMs: 6000 });
	// No event may confirm what the worker has to record itself.
	await parts.control("POST", "settings", { hold: true });
	await Promise.all(home.devices.map((device) => home.click(device)));
	await waitFor(async () => (await rows()).every(({ status }) => status === "sent"), { intervalMs: 50, what: "the calls" });
	await parts.database.stop();
	await waitFor(() => parts.log("worker").split("\n").filter((line) => /event=command\.held/.test(line) && line.includes(home.id)).length === 4,
		{ what: "the answers" });
	await parts.database.start();
	const [first, second, third, fourth] = await waitFor(async () => {
		const found = await rows();

		return found.every(({ status }) => status !== "sent") && found[2].attempts === 2 && found;
	}, { what: "the outcomes", intervalMs: 50 });

	assert.deepEqual([first.status, first.attempts], ["accepted", 1]);
	assert.deepEqual([second.status, second.error, second.attempts], ["failed", "refused", 1]);
	assert.equal(third.error, null);
	// Due or not, it waits as long as the platform said.
	assert.deepEqual([fourth.status, fourth.attempts], ["requested", 1]);
	assert.equal(await parts.psql(`SELECT ends_at > now() + interval '50 minutes' FROM pause WHERE installation_id = '${home.id}'
		AND kind = 'command' AND device_id = '${busy}'`), "t");
	await parts.psql(`DELETE FROM pause WHERE installation_id = '${home.id}'; UPDATE command SET run_at = now() WHERE device_id = '${busy}';
		SELECT wake('switchboard_work', '')`);
	await parts.control("POST", "settings", { hold: false });
	await referee.judge([home], { allowed: ["refused"] });
});

test("a device that goes offline before it obeys: the click fails as unconfirmed, once", async () => {
	const home = await Home.make(parts, lamps(2));
	const [gone, there] = home.devices;

	await parts.control("POST", "settings", { commandDelayMs: 5000 });
	await Promise.all(home.devices.map((device) => home.click(device)));
	await waitFor(async () => (await home.commands()).every(({ status }) => status === "accepted"), { intervalMs: 20, what: "the answers" });
	await parts.control("POST", `devices/${gone}/health`, { state: "OFFLINE" });
	const rows = await home.finished();

	assert.deepEqual(rows.map(({ device_id: device, status, error, attempts }) => [device, error ?? status, attempts]).sort(),
		[[gone, "unconfirmed", 1], [there, "confirmed", 1]].sort());
	await parts.control("POST", `devices/${gone}/health`, { state: "ONLINE" });
	await referee.judge([home]);
});

test("a storm of 429 over all calls of a home delays it and loses nothing", async () => {
	const home = await Home.make(parts, lamps(6));

	await fault({ path: "/commands", action: "status", status: 429, retryAfter: 1, count: 12 });
	await fault({ method: "GET", path: "/devices", action: "status", status: 429, retryAfter: 1, count: 2 });
	await parts.psql(`SELECT job_put('${home.id}', 'device_sync'); SELECT wake('switchboard_work', '')`);
	await home.all("on");
	const rows = await home.finished();

	assert.deepEqual(rows.map(({ status }) => status), Array(6).fill("confirmed"));
	await referee.judge([home]);
	assert.equal([...referee.executed.values()].filter(({ deviceId }) => home.devices.includes(deviceId)).length, 6);
});

test("a refresh whose answer is lost: reconnecting with one click keeps devices, history and sessions", async () => {
	const home = await Home.make(parts, lamps(2));
	const phone = await linkAccount(parts, { location: home.location, jar: new CookieJar() });

	await home.link();
	await home.flip(home.devices[0]);
	await referee.judge([home]);
	const kept = () => parts.psql(`SELECT (SELECT count(*) FROM event WHERE installation_id = '${home.id}'),
		(SELECT string_agg(device_id, ' ' ORDER BY device_id) FROM device WHERE installation_id = '${home.id}')`);
	const before = await kept();

	await parts.control("POST", "calls/reset", {});
	await fault({ path: "/oauth/token", action: "cut", afterEffect: true });
	await parts.control("POST", "tokens/expire", { installedAppId: home.id });
	await home.click(home.devices[0], { command: "off" });
	await waitFor(async () => (await home.row()).status === "needs_reauth", { timeoutMs: 30000, what: "needs_reauth" });
	assert.deepEqual((await home.refreshes()).map(({ status }) => status < 400), [true, false]);
	const [row] = await home.finished();

	assert.deepEqual([row.status, row.error], ["failed", "reconnect"]);
	for (const jar of [home.jar, phone]) {
		assert.equal((await home.list(jar)).length, 2, "devices and sessions stay");
		assert.match((await parts.request("/", { jar })).text, /class="button" href="\/oauth\/start">Reconnect</);
	}
	assert.equal((await home.click(home.devices[0])).status, 409);
	await home.link();
	assert.equal((await home.list(phone)).length, 2, "the other browser is still signed in");
	assert.equal(await kept(), before);
	assert.equal((await home.click(home.devices[0], { command: "on" })).status, 202);
	await referee.judge([home], { allowed: ["superseded", "reconnect"] });
});

test("a refresh that never reached the platform is tried again with the same token", async () => {
	const home = await Home.make(parts, lamps(2));

	await parts.control("POST", "calls/reset", {});
	await fault({ path: "/oauth/token", action: "cut" });
	await fault({ path: "/oauth/token", action: "status", status: 500 });
	await fault({ path: "/oauth/token", action: "status", status: 429, retryAfter: 1 });
	await parts.control("POST", "tokens/expire", { installedAppId: home.id });
	await home.click(home.devices[0]);
	await home.finished();
	const calls = await home.refreshes();

	assert.equal(calls.filter(({ status }) => status === 200).length, 1);
	assert.equal((await home.token()).generation, 2);
	await referee.judge([home], { allowed: [] });
});

test("twenty clicks at once on an expired token: one refresh, each command executed once", async () => {
	const home = await Home.make(parts, lamps(20));

	await parts.control("POST", "calls/reset", {});
	await parts.control("POST", "tokens/expire", { installedAppId: home.id });
	const answers = await Promise.all(home.devices.map((device) => home.click(device)));

	assert.deepEqual(answers.map(({ status }) => status), Array(20).fill(202));
	const rows = await home.finished();

	assert.deepEqual(rows.map(({ status }) => status), Array(20).fill("confirmed"));
	assert.equal((await home.refreshes()).length, 1);
	await referee.judge([home], { allowed: [] });
	assert.equal([...referee.executed.values()].filter(({ deviceId }) => home.devices.includes(deviceId)).length, 20);
});

test("two workers at once: no command twice, one refresh, and one of them may die", async (t) => {
	const home = await Home.make(parts, lamps(24));
	const second = await anotherWorker();
	const count = () => [...referee.executed.values()].filter(({ deviceId }) => home.devices.includes(deviceId)).length;
	const [first] = parts.pids("worker");

	try {
		await waitFor(async () => (await parts.psql("SELECT count(*) FROM worker WHERE seen_at > now() - interval '8 seconds'")) >= 2);
		await parts.control("POST", "calls/reset", {});
		await parts.control("POST", "tokens/expire", { installedAppId: home.id });
		await Promise.all([home.all("on"), ...home.devices.map((device) => home.click(device, { command: "on" }))]);
		await home.finished();
		assert.equal((await home.refreshes()).length, 1);
		await referee.judge([home]);
		const once = (await home.commands()).filter(({ status }) => status === "confirmed").length;

		assert.ok(count() >= 24 && count() <= once, `${count()} executed, ${once} confirmed`);
		// The second one dies with answers under way; the first goes on when its claims have run out.
		await fault({ path: "/commands", action: "slow", delayMs: 300, afterEffect: true, count: 24 });
		process.kill(first, "SIGSTOP");
		await home.all("off");
		await waitFor(async () => (await home.sent()).length > 24, { what: "the second worker to be at some" });
	} finally {
		await second.end("SIGKILL");
		process.kill(first, "SIGCONT");
	}
	const result = await referee.judge([home]);

	t.diagnostic(JSON.stringify(result.commands));
});

test("duplicate and reversed deliveries at a high rate end in the true state", async (t) => {
	const home = await Home.make(parts, [...lamps(4), dimmer("Dim"), strip("Strip")]);
	const reader = await new Reader(home).open();
	const start = Date.now();
	let levels = 0;

	for (const settings of [{ duplicate: true }, { reorder: true }, { duplicate: true, reorder: true, batch: true }]) {
		await parts.control("POST", "settings", { ...DEFAULTS, ...settings });
		const load = flips(home, home.devices, { atOnce: 4, pauseMs: 0 });
		const dimming = new Load(parts, () => parts.control("POST", `devices/${home.devices[4]}/level`, { level: 1 + levels++ % 100 }),
			{ atOnce: 1, pauseMs: 2 });

		await load.more(150);
		await Promise.all([load.stop(), dimming.stop()]);
		assert.equal(load.failed, 0);
	}
	const result = await referee.judge([home]);

	t.diagnostic(`${result.events} events in ${Date.now() - start} ms; the page is true after ${await reader.shows()} ms`);
	await reader.close();
});

for (const [keyServer, what] of [["error", "answers 503"], ["hang", "hangs"]]) {
	test(`a key server that ${what}: webhooks are 503, and accepted when it is back`, async () => {
		const home = await Home.make(parts, lamps(2));
		// New processes that have never seen a key.
		const forget = async () => {
			await parts.psql("DELETE FROM signing_key");
			await parts.returned("webhook", parts.kill("webhook"));
		};

		await referee.judge([home]);
		await parts.control("POST", "settings", { keyServer });
		await forget();
		await home.flip(home.devices[0]);
		for (let i = 0; i < 5; i++)
			assertAway(await post(home));
		const waiting = await waitFor(async () => (await referee.note()).find(({ state, status }) => state === "waiting" && status === 503));

		assert.equal(waiting.installedAppId, home.id);
		await parts.control("POST", "settings", { keyServer: "ok" });
		// A failure is remembered for a minute: it passes.
		await forget();
		await referee.judge([home]);
	});
}

test("the streamer is killed while a browser is connected: it resumes where it was", async (t) => {
	const home = await Home.make(parts, lamps(6));
	const reader = await new Reader(home).open();
	const took = [];

	// The first event names the place to go on from.
	await home.flip(home.devices[0]);
	await waitFor(() => reader.last !== undefined, { what: "an event" });
	const lists = reader.lists;

	for (let i = 0; i < 5; i++) {
		const dead = parts.kill("events");

		await Promise.all(home.devices.map((device) => home.flip(device)));
		await parts.returned("events", dead);
		await waitFor(() => reader.connected && reader.resumed > i, { what: "the stream to be back" });
		took.push(await reader.shows(2000));
	}
	assert.equal(reader.lists, lists, "without reading the list again");
	t.diagnostic(`ms until the truth: ${took.join(" ")}`);
	// A browser that slept misses everything, and asks from where it was.
	reader.againMs = 500;
	reader.drop();
	await Promise.all(home.devices.map((device) => home.flip(device)));
	await reader.shows(2000);
	assert.equal(reader.lists, lists);
	await referee.judge([home]);
	await reader.close();
});

test("all programs are started while PostgreSQL is away, and come up when it returns", async (t) => {
	const home = await Home.make(parts, lamps(4));
	const reader = await new Reader(home).open();
	const load = flips(home);

	await load.more(8);
	await parts.database.stop("immediate");
	const dead = Object.keys(PROGRAMS).map((program) => [program, parts.kill(program)]);

	for (const [program, pids] of dead)
		await parts.returned(program, pids);
	await waitFor(async () => (await post(home)).status === 503);
	for (const where of ["/", "/api/switches", "/oauth/start", "/events"])
		assertAway(await parts.request(where, { jar: home.jar }));
	const pids = Object.keys(PROGRAMS).map((program) => parts.pids(program));

	await parts.database.start();
	const start = Date.now();

	await waitFor(async () => (await post(home)).status === 200, { timeoutMs: 30000, what: "the webhook" });
	await waitFor(() => home.click(home.devices[0]).then(({ status }) => status === 202), { timeoutMs: 30000, what: "the page" });
	await waitFor(async () => (await parts.request("/oauth/start")).status === 302, { timeoutMs: 30000, what: "the sign-in" });
	await waitFor(() => reader.connected, { timeoutMs: 30000, what: "the streamer" });
	t.diagnostic(`all are back after ${Date.now() - start} ms`);
	await load.more(8);
	await load.stop();
	await referee.judge([home]);
	assert.deepEqual(Object.keys(PROGRAMS).map((program) => parts.pids(program)), pids, "without another start");
	await reader.shows();
	await reader.close();
});

test("the referee sees what is wrong", async () => {
	const home = await Home.make(parts, lamps(2));
	const [one, two] = home.devices;
	const wrong = async (sql, complaint) => {
		await parts.psql(sql);
		await assert.rejects(referee.judge([home]), complaint);
	};

	await home.flip(one, { value: "on" });
	await home.click(two, { command: "on" });
	await referee.judge([home]);
	await wrong(`UPDATE switch SET state = 'off' WHERE device_id = '${one}'`, /the rows are what the platform has/);
	await parts.psql(`UPDATE switch SET state = 'on' WHERE device_id = '${one}'`);
	await wrong(`UPDATE subscription SET subscription_id = 'x' || subscription_id WHERE installation_id = '${home.id}'
		AND source_type = 'DEVICE_HEALTH'`, /and in the table/);
	await parts.psql(`UPDATE subscription SET subscription_id = substr(subscription_id, 2) WHERE installation_id = '${home.id}'
		AND source_type = 'DEVICE_HEALTH'`);
	await wrong(`UPDATE command SET attempts = 0 WHERE installation_id = '${home.id}'`, /executed what was sent/);
	await wrong(`UPDATE command SET attempts = 1, sent_at = accepted_at + interval '1 ms' WHERE installation_id = '${home.id}'`,
		/no command is sent after ACCEPTED/);
	await parts.psql(`UPDATE command SET sent_at = accepted_at WHERE installation_id = '${home.id}'`);
	await referee.judge([home]);
	await wrong(`WITH e AS (SELECT * FROM event WHERE installation_id = '${home.id}' LIMIT 1)
		INSERT INTO event SELECT installation_id, event_time - interval '1 hour', event_id, event_tick, event_type, device_id,
		component, capability, attribute, value, detail, received_at FROM e`, /and once/);
	await wrong(`DELETE FROM event WHERE installation_id = '${home.id}'`, /answered 200 are stored/);
	await wrong(`DELETE FROM command WHERE installation_id = '${home.id}'`, /answered 200 are stored|answered 202 is stored/);
});
