// GET /events of the streamer: who gets which events, where a stream resumes, and what interrupts it.
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync, readdirSync, readlinkSync, statSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { after, before, test } from "node:test";
import { ChildProcess, environmentOf } from "../processes.mjs";
import { CookieJar, SAM, csrfToken, linkAccount, startStack, waitFor } from "../stack.mjs";
import { Stream, openStream } from "./stream.mjs";

let stack;
let alex; // cookies of the owner of "Home" and "Lake cabin"
let sam; // of the owner of "Flat"
let installation; // installation ids
let flat;
const open = [];

/** Open a stream for Alex, which is closed at the end of the test file at the latest. */
async function follow(options = {}) {
	const stream = await openStream(stack, { jar: alex, ...options });

	open.push(stream);
	return stream;
}

const api = async (jar = alex) => (await stack.request("/api/switches", { jar })).json();
const cursor = async (jar) => (await api(jar)).cursor;
const byLabel = async (label, jar) => (await api(jar)).switches.find((item) => item.label === label);
const seqOf = (id) => stack.psql(`SELECT seq FROM installation WHERE installation_id = '${id}'`).then(Number);
const is = (label, state) => ({ event, data }) => event === "switch" && data.label === label && data.state === state;
const keyOf = ({ deviceId, component }) => `${deviceId}/${component}`;
const keysOf = (stream) => stream.of("switch").map(({ data }) => keyOf(data));

/** Flip a switch by hand and wait until the database has the new state; returns a predicate for its event. */
async function flip(label, jar = alex) {
	const { deviceId, state } = await byLabel(label, jar);
	const value = state === "on" ? "off" : "on";

	await stack.control("POST", `devices/${deviceId}/flip`, { value });
	try {
		await waitFor(async () => (await byLabel(label, jar)).state === value, { what: `${label} to be ${value}` });
	} catch (error) {
		const { log } = await stack.control("GET", "deliveries");

		throw new Error(`${error.message}: ${JSON.stringify(log.at(-1))} ${stack.log("webhook").slice(-2000)}`);
	}
	return is(label, value);
}

/** Change the switches that "where" selects in one transaction, as a webhook does; returns the new seq. */
async function change(installation, { where = "true", state = "on", wake = true } = {}) {
	await stack.psql(`BEGIN; UPDATE installation SET seq = seq + 1 WHERE installation_id = '${installation}';
		UPDATE switch s SET seq = i.seq, state = '${state}', state_at = now() FROM installation i
			WHERE i.installation_id = '${installation}' AND s.installation_id = i.installation_id AND ${where};
		COMMIT`);
	if (wake)
		await stack.psql(`NOTIFY switchboard_page, '${installation}'`);
	return seqOf(installation);
}

/** The PID of the streamer, when there is one. */
const streamer = () => waitFor(() => stack.pids("switchboard-events")[0], { what: "a streamer" });

before(async () => {
	stack = await startStack({ env: { SWITCHBOARD_LOG_LEVEL: "debug" } });
	await stack.control("POST", "accounts", SAM);
	alex = await linkAccount(stack, { location: "Home" });
	sam = await linkAccount(stack, { location: "Flat" });
	installation = await stack.syncedInstallation("Home");
	flat = await stack.syncedInstallation("Flat");
});

after(async () => {
	for (const stream of open)
		stream.close();
	await stack?.stop();
});

test("a signed-out request is answered 401", async () => {
	const made = new CookieJar();
	const shaped = new CookieJar();

	made.set(stack.url, "session", "wrong");
	shaped.set(stack.url, "session", "A".repeat(43));
	for (const jar of [undefined, made, shaped]) {
		const answer = await stack.request("/events", { jar, headers: { Accept: "text/event-stream" } });

		assert.equal(answer.status, 401);
		assert.match(answer.headers["content-type"], /^application\/json/);
		assert.equal(answer.json().error.code, "auth");
		assert.deepEqual(answer.setCookies, []);
	}
});

test("methods other than GET are answered 405", async () => {
	for (const method of ["POST", "HEAD", "DELETE"]) {
		const answer = await stack.request("/events", { method, jar: alex });

		assert.equal(answer.status, 405);
		assert.equal(answer.headers.allow, "GET");
	}
});

test("a stream has its headers, and a first line at once", async () => {
	const stream = await follow({ cursor: await cursor() });

	assert.equal(stream.headers["content-type"], "text/event-stream");
	assert.equal(stream.headers["cache-control"], "no-store");
	assert.equal(stream.headers["x-content-type-options"], "nosniff");
	assert.equal(stream.headers["content-encoding"], undefined);
	await waitFor(() => /^retry: \d+\n/.test(stream.text));
	stream.close();
});

test("a flip by hand is an event with the switch as in /api/switches", async () => {
	const stream = await follow({ cursor: await cursor() });

	const { id, data } = await stream.next(await flip("Hall light"));

	assert.deepEqual(data, await byLabel("Hall light"));
	assert.equal(id, `${installation}:${data.seq}`);
	assert.equal(stream.events.length, 1);
	stream.close();
});

test("a resumed stream sends exactly the changes that it missed", async () => {
	const labels = ["Garden pump", "Coffee machine", "Hall light"];
	const keys = (await Promise.all(labels.map((label) => byLabel(label)))).map(keyOf);

	for (const options of [
		(id) => ({ lastEventId: id }),
		(id) => ({ cursor: id }),
		// The last event id is newer than the cursor that the page was rendered with.
		(id) => ({ lastEventId: id, cursor: `${installation}:1` }),
	]) {
		const first = await follow({ cursor: await cursor() });

		await first.next(await flip("Hall light"));
		first.close();
		await flip("Coffee machine");
		await flip("Garden pump");
		const last = await flip("Coffee machine");
		const again = await follow(options(first.lastEventId));

		await again.next(last);
		// Any other missed change would come before this event.
		await again.next(await flip("Hall light"));
		assert.deepEqual(keysOf(again), keys);
		assert.equal(again.events.length, 3);
		again.close();
	}
});

test("a malformed or impossible cursor sends all switches, entries of other users are ignored", async () => {
	const mine = (await api()).switches.map(keyOf).sort();
	const now = await cursor();

	for (const lastEventId of ["", "x", `${installation}`, `${installation}:`, `${installation}:-1`, `${installation}:1e3`, `${installation}:${"9".repeat(19)}`,
		`${now},`, `,${now}`, `${now};`, `${installation}:0x1`, "a".repeat(2000), `${installation}:999999999999999999`, `${flat}:1`,
		`${flat}:1,${installation}:1`]) {
		const stream = await follow({ lastEventId });

		await waitFor(() => stream.of("switch").length >= mine.length, { what: `all switches for ${lastEventId.slice(0, 80)}` });
		assert.deepEqual(keysOf(stream).sort(), mine, lastEventId);
		assert.ok(!stream.text.includes(flat));
		stream.close();
	}
	const known = await follow({ lastEventId: `${flat}:1,${now}` });

	await known.next(await flip("Hall light"));
	assert.equal(known.events.length, 1);
	assert.equal(known.events[0].id, `${installation}:${known.events[0].data.seq}`);
	known.close();
});

test("a stream of a person with 64 locations has events of all of them, and resumes", async () => {
	const token = "m".repeat(43);
	const jar = new CookieJar();

	await stack.psql(`INSERT INTO user_account (owner_id) VALUES ('many-installations');
		INSERT INTO installation (installation_id, user_id, location_name, status, sync_state, synced_at, seq)
			SELECT gen_random_uuid(), user_id, 'Location ' || n, 'active', 'done', now(), 9000000000 + n
			FROM user_account, generate_series(1, 64) n WHERE owner_id = 'many-installations';
		INSERT INTO access (installation_id, user_id, role) SELECT i.installation_id, user_id, 'owner'
			FROM installation i JOIN user_account USING (user_id) WHERE user_account.owner_id = 'many-installations';
		INSERT INTO session (session_hash, user_id, expires_at)
			SELECT sha256('${token}'), user_id, now() + interval '1 day' FROM user_account WHERE owner_id = 'many-installations'`);
	jar.set(stack.url, "session", token);
	const all = await cursor(jar);

	assert.equal(all.split(",").length, 64);
	for (const options of [{ cursor: all }, { lastEventId: all }, { cursor: all, lastEventId: all }]) {
		const stream = await follow({ jar, ...options });

		await stack.psql(`WITH one AS (SELECT installation_id FROM installation WHERE location_name = 'Location 64')
			UPDATE installation i SET seq = seq + 1, status_seq = seq + 1 FROM one WHERE i.installation_id = one.installation_id;
			SELECT wake('switchboard_page', installation_id) FROM installation WHERE location_name = 'Location 64'`);
		await waitFor(() => stream.of("installation").length > 0, { what: `the change with ${Object.keys(options)}` });
		assert.equal(stream.events.length, 1);
		assert.equal(stream.lastEventId.split(",").length, 64);
		stream.close();
		await stack.psql("UPDATE installation SET seq = seq - 1, status_seq = 1 WHERE location_name = 'Location 64'");
	}
	await stack.psql(`DELETE FROM session WHERE session_hash = sha256('${token}');
		DELETE FROM installation WHERE user_id = (SELECT user_id FROM user_account WHERE owner_id = 'many-installations');
		DELETE FROM user_account WHERE owner_id = 'many-installations'`);
});

test("another user's changes never appear", async () => {
	const alexs = await follow({ cursor: await cursor() });
	const sams = await follow({ jar: sam, cursor: await cursor(sam) });

	await sams.next(await flip("Desk lamp", sam));
	await alexs.next(await flip("Hall light"));
	await sams.next(await flip("Desk lamp", sam));
	assert.deepEqual(alexs.events.map(({ data }) => data.installationId), [installation]);
	assert.deepEqual(sams.events.map(({ data }) => data.installationId), [flat, flat]);
	alexs.close();
	sams.close();
});

test("the event id reaches a seq with the last row of it, so that an interruption before loses nothing", async () => {
	const stream = await follow({ cursor: await cursor() });
	const before = await seqOf(installation);
	const seq = await change(installation, { where: "s.component <> 'main'" });

	await waitFor(() => stream.events.some(({ id }) => id === `${installation}:${seq}`));
	const ids = stream.events.map(({ id }) => id);

	assert.equal(ids.length, 3);
	assert.deepEqual(new Set(ids.slice(0, -1)), new Set([`${installation}:${before}`]));
	assert.equal(ids.at(-1), `${installation}:${seq}`);
	const resumed = await follow({ lastEventId: ids[1] });

	await waitFor(() => resumed.events.length === ids.length);
	assert.deepEqual(keysOf(resumed), keysOf(stream));
	stream.close();
	resumed.close();
});

test("a command's progress and its failure are events", async () => {
	const stream = await follow({ cursor: await cursor() });
	const { deviceId, component } = await byLabel("Coffee machine");

	await stack.control("POST", "faults", { method: "POST", path: "/devices/*/commands", action: "status", status: 422 });
	const answer = await stack.request(`/api/switches/${deviceId}/${component}`, {
		json: { command: "off" }, jar: alex, headers: { "X-CSRF-Token": await csrfToken(stack, alex) },
	});
	const { data } = await stream.next(({ event }) => event === "command");

	assert.equal(data.commandId, answer.json().commandId);
	assert.deepEqual([data.deviceId, data.component, data.command, data.status], [deviceId, component, "off", "failed"]);
	assert.ok(data.message.length > 0);
	assert.ok(stream.of("switch").some((item) => item.data.deviceId === deviceId && item.data.pending));
	await stream.next((item) => item.data.deviceId === deviceId && item.event === "switch" && !item.data.pending);
	stream.close();
});

test("signing out ends the streams of that browser with bye, and no others", async () => {
	const elsewhere = await linkAccount(stack, { location: "Home" });

	await stack.syncedInstallation("Home");
	const [mine, also, other] = [await follow({ jar: elsewhere }), await follow({ jar: elsewhere }), await follow()];
	const answer = await stack.request("/logout", { form: { csrf: await csrfToken(stack, elsewhere) }, jar: elsewhere });

	assert.equal(answer.status, 303);
	for (const stream of [mine, also]) {
		await stream.end();
		assert.equal(stream.events.at(-1).event, "bye");
		assert.ok(stream.complete, "ended properly");
	}
	await other.next(await flip("Hall light"));
	assert.ok(!other.ended);
	other.close();
});

test("when a person signs out, the sessions of nobody else are read", async () => {
	const others = await Promise.all([follow(), follow(), follow()]);
	const mine = await follow({ jar: sam });
	const lines = () => stack.log("events").match(/event=stream\.check streams=2\b/g)?.length ?? 0;

	// All five streams are compared every 5 s: that may come at the same moment, but not every time.
	await waitFor(async () => {
		const elsewhere = await linkAccount(stack, { location: "Flat" });
		const there = await follow({ jar: elsewhere });
		const before = lines();

		await stack.request("/logout", { form: { csrf: await csrfToken(stack, elsewhere) }, jar: elsewhere });
		await there.end();
		assert.equal(there.events.at(-1).event, "bye");
		return lines() > before;
	}, { what: "a look at the two streams of that person alone" });
	for (const stream of [...others, mine]) {
		assert.ok(!stream.ended);
		stream.close();
	}
});

test("a session that expires ends its streams", async () => {
	const elsewhere = await linkAccount(stack, { location: "Home" });

	await stack.syncedInstallation("Home");
	const stream = await follow({ jar: elsewhere, cursor: await cursor() });

	await stack.psql("UPDATE session SET expires_at = now() WHERE created_at = (SELECT max(created_at) FROM session)");
	await stream.next(({ event }) => event === "bye");
	await stream.end();
});

let cabin;

test("a location that is linked in another browser appears in an open stream", async () => {
	const stream = await follow({ cursor: await cursor() });

	await linkAccount(stack, { location: "Lake cabin" });
	cabin = await stack.syncedInstallation("Lake cabin");
	for (const label of ["Porch light", "Cabin heater", "Boathouse relay"])
		await stream.next(({ event, data }) => event === "switch" && data.label === label && data.installationId === cabin);
	assert.ok(stream.of("sync").some(({ data }) => data.installationId === cabin && data.state === "done"));
	const { id } = await stream.next(await flip("Porch light"));

	// The id has an entry for each installation.
	assert.deepEqual(id.split(",").map((entry) => entry.split(":")[0]).sort(), [installation, cabin].sort());
	stream.close();
});

test("a resumed stream of two locations sends what it missed of each", async () => {
	const first = await follow({ cursor: await cursor() });

	await first.next(await flip("Porch light"));
	first.close();
	const missed = await flip("Hall light");
	const again = await follow({ lastEventId: first.lastEventId });

	await again.next(missed);
	await again.next(await flip("Porch light"));
	assert.deepEqual(again.events.map(({ data }) => data.label), ["Hall light", "Porch light"]);
	again.close();
});

test("when one of two locations is uninstalled, the stream sends one event for it and continues", async () => {
	const stream = await follow({ cursor: await cursor() });

	await stack.control("POST", "uninstall", { installedAppId: cabin });
	const { id } = await stream.next(({ event, data }) =>
		event === "installation" && data.installationId === cabin && data.status === "removed");

	const last = await stream.next(await flip("Hall light"));

	assert.ok(id.includes(installation));
	assert.ok(!last.id.includes(cabin));
	assert.equal(stream.of("installation").length, 1);
	stream.close();
});

test("when the only location is uninstalled, the stream ends with bye", async () => {
	const stream = await follow({ jar: sam, cursor: await cursor(sam) });

	await stack.control("POST", "uninstall", { installedAppId: flat });
	await stream.next(({ event }) => event === "bye");
	await stream.end();
	assert.equal((await stack.request("/events", { jar: sam })).status, 401);
});

test("a change whose notification is lost is sent with the next comparison of sequences", async () => {
	const stream = await follow({ cursor: await cursor() });
	const seq = await change(installation, { where: "s.component = 'outlet1'", wake: false });

	await stream.next(({ data }) => data.seq === seq, { timeoutMs: 30000 });
	stream.close();
});

test("malformed notifications are ignored", async () => {
	const stream = await follow({ cursor: await cursor() });

	for (const payload of ["", ",", ",,*,,", "@", "@x", "@-1", "@99999999999999999999", ",@12,@", "unknown", `${installation},${installation}`, "x".repeat(7000), "%s%n", `${installation}\t`,
		" ", `${installation} `, `${installation} {}`, `${installation} {"seq":`, `unknown {"seq":1,"device_id":"d","component":"main"}`,
		`${installation} {"seq":1,"device_id":"d","component":"main"}`])
		await stack.psql(`NOTIFY switchboard_page, '${payload}'`);
	await stream.next(await flip("Hall light"));
	assert.equal(stream.events.length, 1);
	stream.close();
});

test("after kill -9 of the streamer a stream resumes without a missed change", async () => {
	const stream = await follow({ cursor: await cursor() });

	await stream.next(await flip("Hall light"));
	process.kill(await streamer(), "SIGKILL");
	await stream.end();
	assert.ok(!stream.complete, "cut off");
	assert.equal(stream.of("bye").length, 0);
	const missed = await flip("Coffee machine");
	const again = await follow({ lastEventId: stream.lastEventId });

	await again.next(missed);
	assert.equal(again.events.length, 1);
	again.close();
});

test("after SIGTERM of the streamer streams end properly, without bye, and can be opened again", async () => {
	const stream = await follow({ cursor: await cursor() });
	const before = await streamer();

	process.kill(before, "SIGTERM");
	await stream.end();
	assert.ok(stream.complete, "ended properly");
	assert.equal(stream.of("bye").length, 0);
	const again = await follow({ cursor: await cursor() });

	assert.notEqual(await streamer(), before);
	await again.next(await flip("Hall light"));
	again.close();
});

test("after kill -9 of nginx workers a stream resumes without a missed change", async () => {
	const stream = await follow({ cursor: await cursor() });
	const workers = stack.processes().filter(({ command }) => /^nginx: worker/.test(command)).map(({ pid }) => pid);

	await stream.next(await flip("Hall light"));
	assert.ok(workers.length > 0);
	for (const pid of workers)
		process.kill(pid, "SIGKILL");
	await stream.end();
	await waitFor(() => stack.request("/healthz").then(({ status }) => status === 200));
	const missed = await flip("Coffee machine");
	const again = await follow({ lastEventId: stream.lastEventId });

	await again.next(missed);
	assert.equal(again.events.length, 1);
	again.close();
});

test("when the LISTEN connection is ended repeatedly, streams stay open and changes arrive", async () => {
	const stream = await follow({ cursor: await cursor() });
	const listener = "application_name = 'events-listen'";

	for (let round = 0; round < 4; round++) {
		const pid = await waitFor(() => stack.psql(`SELECT pid FROM pg_stat_activity WHERE ${listener}`));

		await stack.psql(`SELECT pg_terminate_backend(${pid})`);
		const from = stream.events.length;

		await stream.next(await flip("Hall light"), { from });
		await waitFor(() => stack.psql(`SELECT pid FROM pg_stat_activity WHERE ${listener} AND pid <> ${pid}`));
	}
	assert.ok(!stream.ended);
	stream.close();
});

test("while the database refuses the streamer, open streams stay open and new ones are answered 503", async () => {
	const stream = await follow({ cursor: await cursor() });
	const now = await cursor();
	let missed;

	await stack.psql("ALTER ROLE switchboard_events NOLOGIN");
	try {
		await stack.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'switchboard_events'");
		missed = await flip("Garden pump");
		const answer = await stack.request("/events", { jar: alex });

		assert.equal(answer.status, 503);
		assert.equal(answer.headers["retry-after"], "5");
		assert.equal(answer.json().error.code, "unavailable");
		assert.ok(!stream.ended);
	} finally {
		await stack.psql("ALTER ROLE switchboard_events LOGIN");
	}
	await stream.next(missed, { timeoutMs: 30000 });
	assert.equal(stream.events.length, 1);
	const late = await follow({ cursor: now });

	await late.next(missed);
	late.close();
	stream.close();
});

/** Add many switches to the installation, so that one change of all is a lot of text. */
async function makeLarge(count) {
	await stack.psql(`INSERT INTO device (installation_id, device_id, name)
			SELECT '${installation}', 'large-' || n, repeat('Large location ', 20) || n FROM generate_series(1, ${count}) n;
		INSERT INTO switch (installation_id, device_id, component, state, seq)
			SELECT '${installation}', 'large-' || n, 'main', 'off', 1 FROM generate_series(1, ${count}) n`);
}

const LARGE = "s.device_id LIKE 'large-%'";

test("all 612 switches of an installation are sent, at the start and when 600 change at once", async () => {
	await makeLarge(600);
	const stream = await follow();

	await waitFor(() => stream.of("switch").length >= 612, { timeoutMs: 30000 });
	const seq = await change(installation, { where: LARGE });

	await stream.next(({ id }) => id === `${installation}:${seq}`, { timeoutMs: 30000 });
	assert.equal(stream.events.filter(({ data }) => data.seq === seq).length, 600);
	stream.close();
});

test("a client that does not read is disconnected, with bounded memory and without delay for others", async () => {
	const other = await follow({ cursor: await cursor() });
	const pid = await streamer();
	const connections = () => readdirSync(`/proc/${pid}/fd`).length;
	const memory = () => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]);
	const socket = new net.Socket();
	const received = async (seq) => {
		await other.next(({ id }) => id === `${installation}:${seq}`, { timeoutMs: 30000 });
		other.events.length = 0;
	};

	// Closed connections of earlier tests are noticed when the streamer writes to them.
	for (let round = 0; round < 2; round++)
		await received(await change(installation, { where: "s.component = 'outlet2'" }));
	const before = connections();

	try {
		socket.connect(path.join(stack.stateDir, "run/events.sock"));
		await once(socket, "connect");
		socket.pause();
		socket.write(`GET /events HTTP/1.1\r\nHost: x\r\nCookie: ${alex.header(stack.url)}\r\n\r\n`);
		await waitFor(() => connections() === before + 1);
		const small = memory();

		// Each is 300 KB of text.
		for (let round = 0; round < 40; round++)
			await received(await change(installation, { where: LARGE, state: round % 2 ? "on" : "off" }));
		// A sanitizer keeps freed memory in quarantine.
		if (!readFileSync(`/proc/${pid}/maps`, "utf8").includes("libasan"))
			assert.ok(memory() - small < 8192, "the buffer for a slow client is bounded");
		await waitFor(async () => {
			await received(await change(installation, { where: "s.component = 'outlet2'" }));
			return connections() === before;
		}, { timeoutMs: 60000, intervalMs: 500, what: "the slow reader to be dropped" });
		assert.ok(!other.ended);
	} finally {
		socket.destroy();
		other.close();
	}
});

test("requests that nginx would not pass on get an error and harm nothing", async () => {
	const cookie = `Cookie: ${alex.header(stack.url)}\r\n`;
	/** What a connection of its own answers to a text, until "end" is in it or the other side closes. */
	const ask = (text, end) => new Promise((resolve, reject) => {
		const socket = net.connect(path.join(stack.stateDir, "run/events.sock"), () => socket.write(text));
		let answer = "";

		socket.setEncoding("latin1");
		socket.on("data", (part) => {
			answer += part;
			if (answer.includes(end))
				socket.destroy();
		});
		socket.on("error", reject);
		socket.on("close", () => resolve(answer));
	});

	for (const [text, end, expected] of [
		["HEAD /events HTTP/1.1\r\n\r\n", "\r\n\r\n", /^HTTP\/1.1 405 [^{]*\r\nAllow: GET\r\n[^{]*$/],
		["POST /events HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", "}}", /^HTTP\/1.1 405 [^{]*\r\nAllow: GET\r\n/],
		["GET /other HTTP/1.1\r\n\r\n", "}}", /^HTTP\/1.1 404 [^{]*{"error":{"code":"not_found",/],
		["BREW /events HTTP/1.1\r\n\r\n", "</HTML>", /^HTTP\/1.1 501 /],
		["events\r\n\r\n", "</HTML>", /^HTTP\/1.1 400 /],
		[`GET /events HTTP/1.1\r\nX: ${"x".repeat(20000)}\r\n\r\n`, "</HTML>", /^HTTP\/1.1 4\d\d /],
		["POST /events HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n", "</HTML>", /^HTTP\/1.1 413 /],
		[`GET /events HTTP/1.0\r\n${cookie}\r\n`, "event: switch", /^HTTP\/1.0 200 [^]*\r\n\r\nretry: /],
		[`GET /events HTTP/1.1\r\n${cookie}\r\n${"GET /events HTTP/1.1\r\n\r\n".repeat(1000)}`, "event: switch", /^HTTP\/1.1 200 /],
	])
		assert.match(await ask(text, end), expected, text.slice(0, 60));
});

test("one change reaches a thousand streams", async () => {
	await stack.psql("DELETE FROM device WHERE device_id LIKE 'large-%'");
	const now = await cursor();
	const agent = { cursor: now, jar: alex, keep: false };
	const streams = [];

	for (let i = 0; i < 1000; i += 50)
		streams.push(...await Promise.all(Array.from({ length: 50 }, () => openStream(stack, agent))));
	const from = Date.now();
	const seq = await change(installation, { where: "s.component = 'outlet3'" });

	await waitFor(() => streams.every(({ events }) => events.some(({ data }) => data.seq === seq)), { timeoutMs: 30000 });
	console.log(`# after ${Date.now() - from} ms`);
	assert.ok(streams.every(({ events }) => events.length === 1));
	for (const stream of streams)
		stream.close();
});

test("more streams than descriptors: the new ones get 503, the open ones go on", async () => {
	const now = await cursor();
	const pid = await streamer();
	const socketPath = path.join(stack.stateDir, "run/few.sock");
	const { uid } = statSync(`/proc/${pid}`);
	// It keeps 64 descriptors for itself.
	const few = new ChildProcess(["prlimit", "--nofile=96:96", readlinkSync(`/proc/${pid}/exe`)], {
		user: uid, env: { ...environmentOf(pid), SWITCHBOARD_EVENTS_SOCKET: socketPath }, log: path.join(stack.stateDir, "log/few.log"),
	});
	const streams = [];
	let last;

	try {
		await waitFor(() => existsSync(socketPath), { what: "the socket of a second streamer" });
		while (last?.status !== 503 && streams.length < 40) {
			last = await new Stream(stack.url, { jar: alex, cursor: now, socketPath }).opened;
			if (last.status === 200)
				streams.push(last);
		}
		assert.equal(last.status, 503);
		assert.equal(last.headers["retry-after"], "5");
		assert.ok(streams.length > 0);
		const changed = await flip("Hall light");

		for (const stream of streams)
			await stream.next(changed);
		streams.pop().close();
		await waitFor(async () => {
			last = await new Stream(stack.url, { jar: alex, cursor: now, socketPath }).opened;
			return last.status === 200;
		});
		last.close();
	} finally {
		for (const stream of streams)
			stream.close();
		await few.kill("SIGTERM");
	}
});
