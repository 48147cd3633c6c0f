// Each part of the stack is killed or fails under load; afterwards consistency.mjs finds that nothing was lost.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { CookieJar, linkAccount, waitFor } from "../stack.mjs";
import { BackgroundLoad } from "./background_load.mjs";
import { ConsistencyCheck } from "./consistency.mjs";
import { Installation, dimmer, lamp, lamps, strip } from "./installation.mjs";
import { eventBody, switchEvent } from "./key_server.mjs";
import { LivePage } from "./live_page.mjs";
import { PROGRAMS, StoppableStack } from "./stoppable_stack.mjs";
import { startWorker } from "./worker_process.mjs";

const DEFAULTS = { duplicate: false, reorder: false, batch: false, hold: false, oddEvents: false, numberTimes: false, keyServer: "ok", commandDelayMs: 80 };
let stack;
let consistency;

before(async () => {
	stack = await StoppableStack.start();
	consistency = new ConsistencyCheck(stack);
});

after(() => stack?.stop());

beforeEach(async () => {
	await stack.control("DELETE", "faults");
	await stack.control("POST", "settings", DEFAULTS);
});

const fault = (body) => stack.control("POST", "faults", body);
const onDevice = (device, body) => fault({ path: `/devices/${device}/commands`, ...body });

/** Flips by hand of the installation's devices in turn; their count is the number of events to expect. */
function flips(installation, devices = installation.devices, options) {
	let n = 0;

	return new BackgroundLoad(stack, () => installation.flip(devices[n++ % devices.length]), options);
}

/** Commands from the page, on and off in turn. */
function clicks(installation, devices, options) {
	let n = 0;

	return new BackgroundLoad(stack, async () => {
		const device = devices[n % devices.length];
		const command = Math.floor(n++ / devices.length) % 2 ? "off" : "on";
		const answer = await installation.click(device, { command });

		if (answer.status !== 202)
			throw new Error(`a click was answered ${answer.status}`);
	}, { atOnce: 1, pauseMs: 30, ...options });
}

/** Post a webhook that is signed by the platform; returns the answer. */
async function post(installation, { ms = Date.now() } = {}) {
	const body = eventBody(installation.id, [switchEvent("elsewhere", "on", { ms })]);
	const { headers } = await stack.control("POST", "sign", { body });

	return stack.request("/", { method: "POST", body, headers: { ...headers, "Content-Type": "application/json" } });
}

function assertUnavailable(answer) {
	assert.equal(answer.status, 503, answer.text.slice(0, 200));
	assert.match(answer.headers["retry-after"], /^\d+$/);
}

for (const mode of ["fast", "immediate"]) {
	test(`PostgreSQL is stopped (${mode}) and started under load: each event and command is stored once`, async (t) => {
		const installation = await Installation.create(stack, [...lamps(4), dimmer("Dim"), strip("Strip")]);
		const page = await new LivePage(installation).open();
		const before = (await consistency.collectLogs(), consistency.delivered.size);
		const load = flips(installation, installation.devices.slice(0, 4));
		const clicking = clicks(installation, installation.devices.slice(4));

		await load.more(20);
		await stack.database.stop(mode);
		await load.more(20);
		for (let i = 0; i < 8; i++)
			assertUnavailable(await post(installation));
		assertUnavailable(await stack.request("/api/switches", { jar: installation.jar }));
		await stack.database.start();
		await load.more(20);
		await Promise.all([load.stop(), clicking.stop()]);
		const result = await consistency.check([installation], { allowed: ["superseded", "expired"] });

		assert.equal(load.failed, 0);
		assert.equal(await stack.psql(`SELECT count(*) FROM event WHERE installation_id = '${installation.id}'
			AND device_id IN (${installation.devices.slice(0, 4).map((id) => `'${id}'`)})`), String(load.done));
		t.diagnostic(`${load.done} flips, ${consistency.delivered.size - before} events, commands ${JSON.stringify(result.commands)}; ` +
			`the page is current after  ${await page.untilCurrent()} ms`);
		await page.close();
	});
}

for (const program of ["webhook", "dashboard", "oauth", "events", "worker"]) {
	test(`kill -9 of ${program}, six times under load, loses nothing`, async (t) => {
		const installation = await Installation.create(stack, [...lamps(4), dimmer("Dim"), strip("Strip")]);
		const page = await new LivePage(installation).open();
		const load = flips(installation, installation.devices.slice(0, 3), { atOnce: 4, pauseMs: 1 });
		const clicking = clicks(installation, installation.devices.slice(3), { atOnce: 3, pauseMs: 2 });
		// Another person signs in repeatedly.
		const other = await Installation.create(stack, [lamp("Other")]);
		const signingIn = new BackgroundLoad(stack, () => linkAccount(stack, { location: other.location }), { atOnce: 1, pauseMs: 300 });

		for (let i = 0; i < 6; i++) {
			await load.more(15);
			await stack.restarted(program, stack.kill(program));
		}
		await load.more(10);
		await Promise.all([load.stop(), clicking.stop(), signingIn.stop()]);
		assert.equal(load.failed, 0);
		// A process that was killed during a code exchange lost its tokens: the person links again.
		await other.link();
		const result = await consistency.check([installation, other], { allowed: ["superseded", "reconnect"] });

		assert.equal(await stack.psql(`SELECT count(*) FROM event WHERE installation_id = '${installation.id}'
			AND device_id IN (${installation.devices.slice(0, 3).map((id) => `'${id}'`)})`), String(load.done));
		t.diagnostic(`${load.done} flips, ${clicking.done} clicks (${clicking.failed} refused), ${signingIn.done} sign-ins ` +
			`(${signingIn.failed} failed), commands ${JSON.stringify(result.commands)}; the page is current after  ${await page.untilCurrent()} ms`);
		await page.close();
	});
}

test("kill -9 of the web server under load loses nothing", async (t) => {
	const installation = await Installation.create(stack, lamps(4));
	const page = await new LivePage(installation).open();
	const load = flips(installation, installation.devices.slice(0, 2));
	const clicking = clicks(installation, installation.devices.slice(2));

	for (let i = 0; i < 3; i++) {
		await load.more(10);
		await stack.web.kill();
		await load.more(5);
		await stack.web.start();
	}
	await Promise.all([load.stop(), clicking.stop()]);
	const result = await consistency.check([installation]);

	t.diagnostic(`${load.done} flips, commands ${JSON.stringify(result.commands)}; the page is current after  ${await page.untilCurrent()} ms`);
	await page.close();
});

test("kill -9 of the platform with queued webhooks: events that it delivers again are stored once", async () => {
	const installation = await Installation.create(stack, lamps(4));
	const dead = stack.pids("webhook");

	// The simulator queues 20 events, and is killed when some of them, not all, have been delivered.
	for (let round = 0; round < 3; round++) {
		await stack.control("POST", "settings", { hold: true });
		for (let i = 0; i < 20; i++)
			await installation.flip(installation.devices[i % 4]);
		await stack.simulatorSaved();
		await stack.control("POST", "settings", { hold: false });
		await waitFor(async () => (await consistency.collectLogs()).filter(({ state }) => state === "delivered").length > 3, { intervalMs: 1 });
		await consistency.collectLogs();
		await stack.simulator.kill();
		await stack.startSimulator();
		await stack.control("POST", "settings", { hold: false });
	}
	assert.ok(dead.every((pid) => stack.pids("webhook").includes(pid)), "no process of the webhook was restarted");
	await consistency.check([installation]);
	assert.equal(await stack.psql(`SELECT count(*) FROM event WHERE installation_id = '${installation.id}' AND event_type = 'DEVICE_EVENT'`), "60");
});

test("commands to a platform that hangs, fails or answers 429 are repeated, and fail with a reason in the end", async (t) => {
	const installation = await Installation.create(stack, lamps(8));
	const [hangs, fails, busy, cut, late, alwaysFails, alwaysBusy, alwaysHangs] = installation.devices;
	const page = await new LivePage(installation).open();

	await stack.control("POST", "calls/reset", {});
	await onDevice(hangs, { action: "hang" });
	await onDevice(fails, { action: "status", status: 500, count: 3 });
	await onDevice(busy, { action: "status", status: 429, retryAfter: 1, count: 4 });
	await onDevice(cut, { action: "cut", count: 2 });
	await onDevice(late, { action: "slow", delayMs: 3000 });
	await onDevice(alwaysFails, { action: "status", status: 503, count: 1000 });
	await onDevice(alwaysBusy, { action: "status", status: 429, retryAfter: 300, count: 1000 });
	await onDevice(alwaysHangs, { action: "hang", count: 1000 });
	const answers = await Promise.all(installation.devices.map((device) => installation.click(device)));

	assert.deepEqual(answers.map(({ status }) => status), Array(8).fill(202));
	const rows = await installation.finished();
	const outcome = installation.devices.map((device) => rows.find(({ device_id: id }) => id === device))
		.map(({ status, error, attempts }) => ({ status, error, attempts }));

	t.diagnostic(JSON.stringify(rows.map(({ status, error, attempts, took }) => ({ status, error, attempts, took }))));
	assert.deepEqual(outcome.map(({ status, error }) => error ?? status),
		[...Array(5).fill("confirmed"), ...Array(3).fill("expired")]);
	assert.deepEqual(outcome.slice(0, 5).map(({ attempts }) => attempts), [2, 4, 5, 3, 1]);
	assert.equal(outcome[6].attempts, 1, "Retry-After is respected");
	for (const { took } of rows)
		assert.ok(/^00:00:[0-4]/.test(took), took);
	await stack.control("DELETE", "faults");
	await waitFor(() => page.failures.length === 3, { what: "the page to get the failures" });
	assert.deepEqual(page.failures.map(({ code }) => code), Array(3).fill("expired"));
	const { executed } = (await consistency.check([installation], { allowed: ["expired"] }), consistency);

	assert.deepEqual(installation.devices.map((device) => [...executed.values()].filter(({ deviceId }) => deviceId === device).length),
		[1, 1, 1, 1, 1, 0, 0, 0]);
	await page.close();
});

test("the platform's answers to commands while PostgreSQL is away are recorded afterwards", async () => {
	const installation = await Installation.create(stack, lamps(4));
	const [taken, refused, failing, busy] = installation.devices;
	const answer = { action: "slow", delayMs: 6000, afterEffect: true };
	const rows = async () => {
		const found = await installation.commands();

		return installation.devices.map((device) => found.find(({ device_id: id }) => id === device));
	};

	await onDevice(taken, answer);
	await onDevice(refused, { action: "status", status: 403, delayMs: 6000 });
	await onDevice(failing, { action: "status", status: 500, delayMs: 6000 });
	await onDevice(busy, { action: "status", status: 429, retryAfter: 3600, delayMs: 6000 });
	// Events are held: only the worker's own record may change the commands.
	await stack.control("POST", "settings", { hold: true });
	await Promise.all(installation.devices.map((device) => installation.click(device)));
	await waitFor(async () => (await rows()).every(({ status }) => status === "sent"), { intervalMs: 50, what: "the calls" });
	await stack.database.stop();
	await waitFor(() => stack.log("worker").split("\n").filter((line) => /event=command\.save_later/.test(line) && line.includes(installation.id)).length === 4,
		{ what: "the answers" });
	await stack.database.start();
	const [first, second, third, fourth] = await waitFor(async () => {
		const found = await rows();

		return found.every(({ status }) => status !== "sent") && found[2].attempts === 2 && found;
	}, { what: "the outcomes", intervalMs: 50 });

	assert.deepEqual([first.status, first.attempts], ["accepted", 1]);
	assert.deepEqual([second.status, second.error, second.attempts], ["failed", "refused", 1]);
	assert.equal(third.error, null);
	// It waits for the time of Retry-After although it is due.
	assert.deepEqual([fourth.status, fourth.attempts], ["requested", 1]);
	assert.equal(await stack.psql(`SELECT ends_at > now() + interval '50 minutes' FROM pause WHERE installation_id = '${installation.id}'
		AND kind = 'command' AND device_id = '${busy}'`), "t");
	await stack.psql(`DELETE FROM pause WHERE installation_id = '${installation.id}'; UPDATE command SET run_at = now() WHERE device_id = '${busy}';
		UPDATE work SET run_at = now() WHERE installation_id = '${installation.id}' AND kind = 'command'; SELECT wake('switchboard_work', '')`);
	await stack.control("POST", "settings", { hold: false });
	await consistency.check([installation], { allowed: ["refused"] });
});

test("a device that goes offline before it executes a command: the command fails as unconfirmed after one attempt", async () => {
	const installation = await Installation.create(stack, lamps(2));
	const [gone, there] = installation.devices;

	await stack.control("POST", "settings", { commandDelayMs: 5000 });
	await Promise.all(installation.devices.map((device) => installation.click(device)));
	await waitFor(async () => (await installation.commands()).every(({ status }) => status === "accepted"), { intervalMs: 20, what: "the answers" });
	await stack.control("POST", `devices/${gone}/health`, { state: "OFFLINE" });
	const rows = await installation.finished();

	assert.deepEqual(rows.map(({ device_id: device, status, error, attempts }) => [device, error ?? status, attempts]).sort(),
		[[gone, "unconfirmed", 1], [there, "confirmed", 1]].sort());
	await stack.control("POST", `devices/${gone}/health`, { state: "ONLINE" });
	await consistency.check([installation]);
});

test("429 for all calls of an installation delays its commands and loses none", async () => {
	const installation = await Installation.create(stack, lamps(6));

	await fault({ path: "/commands", action: "status", status: 429, retryAfter: 1, count: 12 });
	await fault({ method: "GET", path: "/devices", action: "status", status: 429, retryAfter: 1, count: 2 });
	await stack.psql(`SELECT work_put('${installation.id}', 'device_sync', 1); SELECT wake('switchboard_work', '')`);
	await installation.clickAll("on");
	const rows = await installation.finished();

	assert.deepEqual(rows.map(({ status }) => status), Array(6).fill("confirmed"));
	await consistency.check([installation]);
	assert.equal([...consistency.executed.values()].filter(({ deviceId }) => installation.devices.includes(deviceId)).length, 6);
});

test("a refresh whose answer is lost: linking again keeps devices, history and sessions", async () => {
	const installation = await Installation.create(stack, lamps(2));
	const phone = await linkAccount(stack, { location: installation.location, jar: new CookieJar() });

	await installation.link();
	await installation.flip(installation.devices[0]);
	await consistency.check([installation]);
	const stored = () => stack.psql(`SELECT (SELECT count(*) FROM event WHERE installation_id = '${installation.id}'),
		(SELECT string_agg(device_id, ' ' ORDER BY device_id) FROM device WHERE installation_id = '${installation.id}')`);
	const before = await stored();

	await stack.control("POST", "calls/reset", {});
	await fault({ path: "/oauth/token", action: "cut", afterEffect: true });
	await stack.control("POST", "tokens/expire", { installedAppId: installation.id });
	await installation.click(installation.devices[0], { command: "off" });
	await waitFor(async () => (await installation.row()).status === "needs_reauth", { timeoutMs: 30000, what: "needs_reauth" });
	assert.deepEqual((await installation.refreshCalls()).map(({ status }) => status < 400), [true, false]);
	const [row] = await installation.finished();

	assert.deepEqual([row.status, row.error], ["failed", "reconnect"]);
	for (const jar of [installation.jar, phone]) {
		assert.equal((await installation.list(jar)).length, 2, "devices and sessions stay");
		assert.match((await stack.request("/", { jar })).text, /class="button" href="\/oauth\/start">Reconnect</);
	}
	assert.equal((await installation.click(installation.devices[0])).status, 409);
	await installation.link();
	assert.equal((await installation.list(phone)).length, 2, "the other browser is still signed in");
	assert.equal(await stored(), before);
	assert.equal((await installation.click(installation.devices[0], { command: "on" })).status, 202);
	await consistency.check([installation], { allowed: ["superseded", "reconnect"] });
});

test("a refresh that did not reach the platform is repeated with the same token", async () => {
	const installation = await Installation.create(stack, lamps(2));

	await stack.control("POST", "calls/reset", {});
	await fault({ path: "/oauth/token", action: "cut" });
	await fault({ path: "/oauth/token", action: "status", status: 500 });
	await fault({ path: "/oauth/token", action: "status", status: 429, retryAfter: 1 });
	await stack.control("POST", "tokens/expire", { installedAppId: installation.id });
	await installation.click(installation.devices[0]);
	await installation.finished();
	const calls = await installation.refreshCalls();

	assert.equal(calls.filter(({ status }) => status === 200).length, 1);
	assert.equal((await installation.token()).generation, 2);
	await consistency.check([installation], { allowed: [] });
});

test("twenty commands at once with an expired token: one refresh, and each command is executed once", async () => {
	const installation = await Installation.create(stack, lamps(20));

	await stack.control("POST", "calls/reset", {});
	await stack.control("POST", "tokens/expire", { installedAppId: installation.id });
	const answers = await Promise.all(installation.devices.map((device) => installation.click(device)));

	assert.deepEqual(answers.map(({ status }) => status), Array(20).fill(202));
	const rows = await installation.finished();

	assert.deepEqual(rows.map(({ status }) => status), Array(20).fill("confirmed"));
	assert.equal((await installation.refreshCalls()).length, 1);
	await consistency.check([installation], { allowed: [] });
	assert.equal([...consistency.executed.values()].filter(({ deviceId }) => installation.devices.includes(deviceId)).length, 20);
});

test("two workers send no command twice and refresh once, and one of them may be killed", async (t) => {
	const installation = await Installation.create(stack, lamps(24));
	const second = await startWorker(stack.demo);
	const count = () => [...consistency.executed.values()].filter(({ deviceId }) => installation.devices.includes(deviceId)).length;
	const [first] = stack.pids("worker");

	try {
		await waitFor(async () => (await stack.psql("SELECT count(*) FROM worker WHERE seen_at > now() - interval '8 seconds'")) >= 2);
		await stack.control("POST", "calls/reset", {});
		await stack.control("POST", "tokens/expire", { installedAppId: installation.id });
		await Promise.all([installation.clickAll("on"), ...installation.devices.map((device) => installation.click(device, { command: "on" }))]);
		await installation.finished();
		assert.equal((await installation.refreshCalls()).length, 1);
		await consistency.check([installation]);
		const once = (await installation.commands()).filter(({ status }) => status === "confirmed").length;

		assert.ok(count() >= 24 && count() <= once, `${count()} executed, ${once} confirmed`);
		// The second one is killed while it waits for answers; the first goes on when its claims have expired.
		await fault({ path: "/commands", action: "slow", delayMs: 300, afterEffect: true, count: 24 });
		process.kill(first, "SIGSTOP");
		await installation.clickAll("off");
		await waitFor(async () => (await installation.commandCalls()).length > 24, { what: "the second worker to send commands" });
	} finally {
		await second.stop("SIGKILL");
		process.kill(first, "SIGCONT");
	}
	const result = await consistency.check([installation]);

	t.diagnostic(JSON.stringify(result.commands));
});

test("duplicate and reversed deliveries at a high rate end in the platform's state", async (t) => {
	const installation = await Installation.create(stack, [...lamps(4), dimmer("Dim"), strip("Strip")]);
	const page = await new LivePage(installation).open();
	const start = Date.now();
	let levels = 0;

	for (const settings of [{ duplicate: true }, { reorder: true }, { duplicate: true, reorder: true, batch: true }]) {
		await stack.control("POST", "settings", { ...DEFAULTS, ...settings });
		const load = flips(installation, installation.devices, { atOnce: 4, pauseMs: 0 });
		const dimming = new BackgroundLoad(stack, () => stack.control("POST", `devices/${installation.devices[4]}/level`, { level: 1 + levels++ % 100 }),
			{ atOnce: 1, pauseMs: 2 });

		await load.more(150);
		await Promise.all([load.stop(), dimming.stop()]);
		assert.equal(load.failed, 0);
	}
	const result = await consistency.check([installation]);

	t.diagnostic(`${result.events} events in ${Date.now() - start} ms; the page is current after  ${await page.untilCurrent()} ms`);
	await page.close();
});

for (const [keyServer, what] of [["error", "answers 503"], ["hang", "hangs"]]) {
	test(`webhooks are answered 503 while the key server ${what}, and are accepted afterwards`, async () => {
		const installation = await Installation.create(stack, lamps(2));
		// New processes have no key in memory.
		const forgetKeys = async () => {
			await stack.psql("DELETE FROM signing_key");
			await stack.restarted("webhook", stack.kill("webhook"));
		};

		await consistency.check([installation]);
		await stack.control("POST", "settings", { keyServer });
		await forgetKeys();
		await installation.flip(installation.devices[0]);
		for (let i = 0; i < 5; i++)
			assertUnavailable(await post(installation));
		const waiting = await waitFor(async () => (await consistency.collectLogs()).find(({ state, status }) => state === "waiting" && status === 503));

		assert.equal(waiting.installedAppId, installation.id);
		await stack.control("POST", "settings", { keyServer: "ok" });
		// Processes remember a failed fetch for a minute; new ones do not.
		await forgetKeys();
		await consistency.check([installation]);
	});
}

test("odd events beside the others, and times that are numbers: the page follows all the same", async () => {
	const installation = await Installation.create(stack, lamps(2));

	await stack.control("POST", "settings", { ...DEFAULTS, oddEvents: true, numberTimes: true, batch: true });
	for (const value of ["on", "off", "on"])
		await stack.control("POST", `devices/${installation.devices[0]}/flip`, { value });
	await stack.control("POST", "settings", DEFAULTS);
	await consistency.check([installation]);
	const [row] = await stack.rows(`SELECT count(*) FILTER (WHERE NOT understood)::integer AS odd, count(*) FILTER (WHERE understood)::integer AS good
		FROM event WHERE installation_id = '${installation.id}'`);

	assert.deepEqual(row, { odd: 3, good: 3 });
});

test("a page whose streamer is killed resumes the stream from its cursor", async (t) => {
	const installation = await Installation.create(stack, lamps(6));
	const page = await new LivePage(installation).open();
	const took = [];

	// The id of the first event is the cursor to resume from.
	await installation.flip(installation.devices[0]);
	await waitFor(() => page.lastEventId !== undefined, { what: "an event" });
	const listReads = page.listReads;

	for (let i = 0; i < 5; i++) {
		const dead = stack.kill("events");

		await Promise.all(installation.devices.map((device) => installation.flip(device)));
		await stack.restarted("events", dead);
		await waitFor(() => page.connected && page.resumed > i, { what: "the stream to be back" });
		took.push(await page.untilCurrent(2000));
	}
	assert.equal(page.listReads, listReads, "the list was not read again");
	t.diagnostic(`ms until the page is current: ${took.join(" ")}`);
	// A browser that was disconnected during the changes resumes from its cursor as well.
	page.reconnectMs = 500;
	page.dropConnection();
	await Promise.all(installation.devices.map((device) => installation.flip(device)));
	await page.untilCurrent(2000);
	assert.equal(page.listReads, listReads);
	await consistency.check([installation]);
	await page.close();
});

test("all programs start while PostgreSQL is away, and work when it is back", async (t) => {
	const installation = await Installation.create(stack, lamps(4));
	const page = await new LivePage(installation).open();
	const load = flips(installation);

	await load.more(8);
	await stack.database.stop("immediate");
	const dead = Object.keys(PROGRAMS).map((program) => [program, stack.kill(program)]);

	for (const [program, pids] of dead)
		await stack.restarted(program, pids);
	await waitFor(async () => (await post(installation)).status === 503);
	for (const where of ["/", "/api/switches", "/oauth/start", "/events"])
		assertUnavailable(await stack.request(where, { jar: installation.jar }));
	const pids = Object.keys(PROGRAMS).map((program) => stack.pids(program));

	await stack.database.start();
	const start = Date.now();

	await waitFor(async () => (await post(installation)).status === 200, { timeoutMs: 30000, what: "the webhook" });
	await waitFor(() => installation.click(installation.devices[0]).then(({ status }) => status === 202), { timeoutMs: 30000, what: "the page" });
	await waitFor(async () => (await stack.request("/oauth/start")).status === 302, { timeoutMs: 30000, what: "the sign-in" });
	await waitFor(() => page.connected, { timeoutMs: 30000, what: "the streamer" });
	t.diagnostic(`all programs work after ${Date.now() - start} ms`);
	await load.more(8);
	await load.stop();
	await consistency.check([installation]);
	assert.deepEqual(Object.keys(PROGRAMS).map((program) => stack.pids(program)), pids, "no program was restarted");
	await page.untilCurrent();
	await page.close();
});

test("the check of consistency finds each kind of inconsistency", async () => {
	const installation = await Installation.create(stack, lamps(2));
	const [one, two] = installation.devices;
	const wrong = async (sql, complaint) => {
		await stack.psql(sql);
		await assert.rejects(consistency.check([installation]), complaint);
	};

	await installation.flip(one, { value: "on" });
	await installation.click(two, { command: "on" });
	await consistency.check([installation]);
	await wrong(`UPDATE switch SET state = 'off' WHERE device_id = '${one}'`, /the database has the platform's states/);
	await stack.psql(`UPDATE switch SET state = 'on' WHERE device_id = '${one}'`);
	await wrong(`UPDATE subscription SET subscription_id = 'x' || subscription_id WHERE installation_id = '${installation.id}'
		AND source_type = 'DEVICE_HEALTH'`, /the same subscriptions are in the database/);
	await stack.psql(`UPDATE subscription SET subscription_id = substr(subscription_id, 2) WHERE installation_id = '${installation.id}'
		AND source_type = 'DEVICE_HEALTH'`);
	await wrong(`UPDATE command SET attempts = 0 WHERE installation_id = '${installation.id}'`, /executed what was sent/);
	await wrong(`UPDATE command SET attempts = 1, sent_at = accepted_at + interval '1 ms' WHERE installation_id = '${installation.id}'`,
		/no command is sent after ACCEPTED/);
	await stack.psql(`UPDATE command SET sent_at = accepted_at WHERE installation_id = '${installation.id}'`);
	await consistency.check([installation]);
	await wrong(`WITH e AS (SELECT * FROM event WHERE installation_id = '${installation.id}' LIMIT 1)
		INSERT INTO event SELECT installation_id, event_time - interval '1 hour', event_id, event_tick, event_type, device_id,
		component, capability, attribute, value, detail, received_at FROM e`, /each event is stored once/);
	await wrong(`DELETE FROM event WHERE installation_id = '${installation.id}'`, /answered 200 are stored/);
	await wrong(`DELETE FROM command WHERE installation_id = '${installation.id}'`, /answered 200 are stored|answered 202 is stored/);
});
