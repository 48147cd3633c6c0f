// The webhook: which requests are accepted, what is stored, what is answered.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import http from "node:http";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { freePorts, linkAccount, startStack, waitFor } from "../stack.mjs";
import { RowLock } from "./row_lock.mjs";
import { KeyServer, eventBody, makeKey, sign, switchEvent, timeUuid } from "./key_server.mjs";

const httpSignature = createRequire(import.meta.url)("http-signature");
const KEY_ID = "/own/key-1";
const keyServer = new KeyServer();
const [own, other] = [makeKey(), makeKey()];
let stack, jar, installation, device, appId, startedAt;

before(async () => {
	const [, port] = await freePorts();

	await keyServer.start();
	keyServer.keys.set(KEY_ID, { certificate: own.certificate });
	keyServer.upstream = `http://127.0.0.1:${port}/key`;
	stack = await startStack({
		env: { SWITCHBOARD_SIMULATOR_PORT: String(port), SWITCHBOARD_KEY_URL: keyServer.url },
	});
	stack.simulatorUrl = `http://127.0.0.1:${port}`;
	jar = await linkAccount(stack, { location: "Home" });
	installation = await stack.syncedInstallation("Home");
	await stack.confirmed();
	appId = (await stack.control("GET", "state")).app.appId;
	device = await stack.psql(
		`SELECT device_id FROM switch WHERE installation_id = '${installation}' AND component = 'main' LIMIT 1`);
	await waitFor(() => stack.psql("SELECT 1 FROM confirmation LIMIT 1"), { what: "the confirmation of the webhook" });
	startedAt = Date.now();
});

after(async () => {
	await stack?.stop();
	keyServer.stop();
});

/** POST / with these headers; a list of values sends a header several times. */
async function post(body, headers, { contentType = "application/json", path = "/", localAddress } = {}) {
	const answer = await stack.request(path, { method: "POST", body, localAddress, headers: { "Content-Type": contentType, ...headers } });

	assert.deepEqual(answer.setCookies, []);
	return answer;
}

const signed = (body, options) => post(body, sign(body, { key: own.key, keyId: KEY_ID, ...options }), { localAddress: options?.localAddress });

const state = (component = "main", id = device) => stack.psql(
	`SELECT state FROM switch WHERE installation_id = '${installation}' AND device_id = '${id}' AND component = '${component}'`);

/** As if a minute had passed. */
const forgetFetches = () => stack.psql("DELETE FROM signing_key WHERE certificate IS NULL; DELETE FROM signing_key_fetch");

/** Everything a webhook could change. */
const contents = () => stack.psql(`SELECT (SELECT count(*) FROM event),
	(SELECT string_agg(i.installation_id || i.seq || i.status, ',' ORDER BY i.installation_id) FROM installation i),
	(SELECT md5(string_agg(s::text, ',' ORDER BY s::text)) FROM switch s), (SELECT count(*) FROM confirmation)`);

/** One new switch event for our device, later than all before. */
let clock = 0;
const fresh = (value = "on") => eventBody(installation, [switchEvent(device, value, { ticks: ++clock })]);

test("a webhook signed by the platform is accepted", async () => {
	const body = fresh("on");
	const { headers } = await stack.control("POST", "sign", { body });

	assert.match(headers.Digest, /^SHA256=/);
	assert.match(headers.Date, / UTC$/);
	const answer = await post(body, headers);

	assert.equal(answer.status, 200);
	assert.deepEqual(answer.json(), { eventData: {} });
	assert.equal(await state(), "on");
});

test("headers in the standards' form, and signatures over more headers, are accepted", async () => {
	for (const options of [
		{},
		{ names: ["date", "digest", "(request-target)"] },
		{ names: ["(request-target)", "host", "digest", "date", "content-type"],
			more: { host: new URL(stack.url).host, "content-type": "application/json" } },
		{ date: new Date(Date.now() - 290000).toUTCString() },
		{ date: new Date(Date.now() + 290000).toUTCString().replace("GMT", "UTC") },
	])
		assert.equal((await signed(fresh(), options)).status, 200, JSON.stringify(options));
});

test("a request signed by the npm package http-signature is accepted, with another body it is 401", async () => {
	const body = fresh("off");
	const { Digest, Date: date } = sign(body, { key: own.key, keyId: KEY_ID });
	const call = (sent) => new Promise((resolve, reject) => {
		const request = http.request(stack.url, {
			method: "POST", path: "/", agent: false,
			headers: { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(sent), Digest, Date: date },
		}, (answer) => answer.resume().on("end", () => resolve(answer.statusCode)));

		request.on("error", reject);
		httpSignature.sign(request, {
			key: own.key, keyId: KEY_ID, algorithm: "rsa-sha256", headers: ["(request-target)", "digest", "date"],
		});
		request.end(sent);
	});

	assert.equal(await call(body), 200);
	assert.equal(await state(), "off");
	const before = await contents();

	assert.equal(await call(body.replace('"off"', '"on"')), 401);
	assert.equal(await contents(), before);
});

test("a request without a valid signature is 401 and changes nothing", async () => {
	const body = fresh();
	const good = sign(body, { key: own.key, keyId: KEY_ID });
	const bad = (options) => sign(body, { key: own.key, keyId: KEY_ID, ...options });
	const without = (name) => Object.fromEntries(Object.entries(good).filter(([each]) => each !== name));
	const cases = {
		"no header at all": {},
		"no digest": without("Digest"),
		"no date": without("Date"),
		"no authorization": without("Authorization"),
		"digest of another body": bad({ digestOf: "{}" }),
		"another digest algorithm": bad({ digest: "SHA-512=AAAA" }),
		"an old date": bad({ date: new Date(Date.now() - 310000).toUTCString() }),
		"a date to come": bad({ date: new Date(Date.now() + 310000).toUTCString() }),
		"a malformed date": bad({ date: "yesterday" }),
		"date not signed": bad({ names: ["(request-target)", "digest"] }),
		"digest not signed": bad({ names: ["(request-target)", "date"] }),
		"target not signed": bad({ names: ["digest", "date"] }),
		"another target": bad({ target: "/other" }),
		"another method": bad({ method: "put" }),
		"a header signed that was not sent": bad({ names: ["(request-target)", "digest", "date", "x-gone"], more: { "x-gone": "" } }),
		"another algorithm": bad({ algorithm: "hmac-sha256" }),
		"another key": bad({ key: other.key }),
		"a date that was not the signed one": { ...good, Date: new Date(Date.now() - 5000).toUTCString() },
		"a signature of rubbish": { ...good, Authorization: good.Authorization.replace(/signature="[^"]{20}/, 'signature="AAAAAAAAAAAAAAAAAAAA') },
		"another scheme": { ...good, Authorization: "Basic YTpi" },
		"a keyId that climbs": bad({ keyId: "/own/../key-1" }),
		"a keyId that is an address": bad({ keyId: "@evil.example/key" }),
		"two digests": { ...good, Digest: [good.Digest, good.Digest] },
		"two dates": { ...good, Date: [good.Date, good.Date] },
	};
	const before = await contents();

	for (const [name, headers] of Object.entries(cases)) {
		const answer = await post(body, headers);

		assert.equal(answer.status, 401, name);
		assert.equal(answer.json().error.code, "auth", name);
	}
	// nginx itself refuses to choose between two of these.
	assert.equal((await post(body, { ...good, Authorization: [good.Authorization, good.Authorization] })).status, 400);
	assert.equal((await post(body.replace('"on"', '"off"'), good)).status, 401, "another body");
	assert.equal((await post(body, good, { path: "/?x=1" })).status, 401, "another query");
	assert.equal(await contents(), before);
	assert.equal(keyServer.fetches.get("/own/../key-1"), undefined);
	assert.equal((await post(body, good)).status, 200, "the good one");
});

test("an invalid certificate is 401 and fetched once", async () => {
	const before = await contents();

	for (const [name, served] of Object.entries({
		missing: { status: 404 },
		page: { body: "<!DOCTYPE html><title>hello</title>" },
		huge: { body: own.certificate + "x".repeat(20000) },
		moved: { status: 302, headers: { Location: `${keyServer.url}${KEY_ID}` } },
		small: { certificate: makeKey({ bits: 1024 }).certificate },
		private: { body: own.key },
	})) {
		const keyId = `/own/${name}`;
		const body = fresh();

		keyServer.keys.set(keyId, served);
		assert.equal((await signed(body, { keyId })).status, 401, name);
		keyServer.keys.set(keyId, { certificate: own.certificate });
		assert.equal((await signed(body, { keyId })).status, 401, `${name}, remembered`);
		assert.equal(keyServer.fetches.get(keyId), 1, name);
	}
	assert.equal(await contents(), before);
});

test("when the key server fails, webhooks are 503 with Retry-After, and the failure is remembered", async () => {
	const before = await contents();

	for (const [name, served] of Object.entries({ error: { status: 500 }, busy: { status: 429 }, hang: { hang: true } })) {
		const keyId = `/own/${name}`;
		const body = fresh();

		keyServer.keys.set(keyId, served);
		const first = await signed(body, { keyId });

		assert.equal(first.status, 503, name);
		assert.match(first.headers["retry-after"], /^\d+$/);
		for (let i = 0; i < 6; i++)
			assert.equal((await signed(body, { keyId })).status, 503, `${name}, remembered`);
		assert.equal(keyServer.fetches.get(keyId), 1);
	}
	assert.equal(await contents(), before);
});

test("simultaneous requests with an unknown keyId cause one fetch", async () => {
	const keyId = "/own/together";

	keyServer.keys.set(keyId, { certificate: other.certificate, delayMs: 400 });
	const answers = await Promise.all(Array.from({ length: 8 },
		() => signed(fresh(), { key: other.key, keyId })));

	assert.deepEqual(answers.map(({ status }) => status), Array(8).fill(200));
	assert.equal(keyServer.fetches.get(keyId), 1);
});

test("a new process reads the certificate from the database", async () => {
	const fetches = keyServer.fetches.get(KEY_ID);
	const old = stack.pids("webhook.fcgi");

	assert.ok(old.length >= 2);
	for (const pid of old)
		process.kill(pid, "SIGTERM");
	await waitFor(() => stack.pids("webhook.fcgi").filter((pid) => !old.includes(pid)).length >= old.length,
		{ what: "new processes" });
	for (let i = 0; i < 2 * old.length; i++)
		assert.equal((await signed(fresh())).status, 200);
	assert.equal(keyServer.fetches.get(KEY_ID), fetches);
});

test("wrong methods, content types and sizes are 405, 415 and 413", async () => {
	const body = fresh();
	const headers = sign(body, { key: own.key, keyId: KEY_ID });
	const before = await contents();

	assert.equal((await post(body, headers, { contentType: "text/plain" })).status, 415);
	assert.equal((await stack.request("/", { method: "PUT", body, headers })).status, 405);
	assert.equal((await signed(`{"messageType":"X","x":"${"y".repeat(1 << 20)}"}`)).status, 413);
	assert.equal(await contents(), before);
	assert.equal((await post(body, headers, { contentType: "" })).status, 200, "no content type is accepted");
	const large = `{"messageType":"X","x":"${"y".repeat((1 << 20) - 26)}"}`;

	assert.equal(large.length, 1 << 20);
	assert.equal((await signed(large)).status, 200);
	assert.equal((await post(body, headers, { contentType: "application/json;charset=utf-8" })).status, 200);
});

test("a malformed body with a valid signature is 400", async () => {
	const before = await contents();
	const event = switchEvent(device, "on");

	for (const body of [
		"", "{", "[]", "null", '{"messageType":"EVENT"}', '{"messageType":"EVENT","eventData":{}}',
		'{"messageType":"EVENT","messageType":"PING","pingData":{"challenge":"x"}}', "{}",
		eventBody("../etc", [event]), eventBody(installation, "none"),
		`${eventBody(installation, [event])}trailing`, '{"messageType":"PING","pingData":{}}',
	])
		assert.equal((await signed(body)).status, 400, body);
	assert.equal(await contents(), before);
});

test("odd events take nothing from the others: those are applied, these kept as they came, with a line in the log", async () => {
	const [off, on] = [switchEvent(device, "off"), switchEvent(device, "on")];
	const odd = { eventTime: new Date().toISOString(), eventType: "DEVICE_HEALTH_EVENT", deviceHealthEvent: { deviceId: { id: device }, status: "OFFLINE" } };
	const huge = JSON.stringify(switchEvent(device, "off")).replace('"value":"off"', '"value":12345678901234567890123');
	const body = eventBody(installation, ["FIRST", odd, off, { ...switchEvent(device, "on"), deviceEvent: null }, on]).replace('"FIRST"', () => huge);

	assert.equal((await signed(body)).status, 200);
	assert.equal((await signed(body)).status, 200);
	const rows = await stack.rows("SELECT event_type, device_id, value, detail FROM event WHERE NOT understood ORDER BY event_type, device_id");

	assert.deepEqual(rows.map((row) => [row.event_type, row.device_id, row.value]),
		[["DEVICE_EVENT", device, null], ["DEVICE_EVENT", null, null], ["DEVICE_HEALTH_EVENT", null, null]]);
	assert.equal(rows[0].detail, huge);
	assert.deepEqual(rows[2].detail, odd);
	assert.equal((await stack.rows(`SELECT state FROM switch WHERE device_id = '${device}' AND component = 'main'`))[0].state, "on");
	assert.match(stack.log("webhook"), /event=webhook\.not_understood .*index=0 member=value/);
	assert.match(stack.log("webhook"), /event=webhook\.not_understood .*index=1 member=deviceId/);
	assert.match(stack.log("webhook"), /event=webhook\.not_understood .*index=3 member=deviceEvent/);
});

test("an eventTime that is a number is milliseconds", async () => {
	const event = switchEvent(device, "on");
	const ms = Date.now() - 1;

	assert.equal((await signed(eventBody(installation, [{ ...event, eventTime: ms }]))).status, 200);
	const [row] = await stack.rows(`SELECT understood, (extract(epoch FROM event_time) * 1000)::bigint::text AS ms FROM event
		WHERE event_id = '${event.deviceEvent.eventId}'`);

	assert.deepEqual(row, { understood: true, ms: String(ms) });
});

test("a PING is answered with its challenge, with a valid signature or none", async () => {
	const challenge = 'x"<&é\u2028 y';
	const body = JSON.stringify({ lifecycle: "PING", pingData: { challenge } });

	for (const answer of [await post(body, {}), await signed(body)]) {
		assert.equal(answer.status, 200);
		assert.deepEqual(answer.json(), { pingData: { challenge } });
	}
	const empty = await signed(JSON.stringify({ lifecycle: "PING", pingData: { challenge: "" } }));

	assert.equal(empty.status, 200, "an empty one is a challenge, too");
	assert.deepEqual(empty.json(), { pingData: { challenge: "" } });
	assert.equal((await post(body, sign(body, { key: other.key, keyId: KEY_ID }))).status, 401);
	assert.equal((await post(JSON.stringify({ messageType: "PING", pingData: { challenge: "x".repeat(5000) } }), {})).status, 401);
});

test("a CONFIRMATION of the platform's is queued once, one with another address is 400", async () => {
	const confirmation = (confirmationUrl, more = {}) => signed(JSON.stringify({
		messageType: "CONFIRMATION", confirmationData: { appId, confirmationUrl }, ...more,
	}));
	const queued = () => stack.psql("SELECT count(*) FROM confirmation");
	const url = `${stack.simulatorUrl}/v1/apps/${appId}/confirm-registration?token=${randomUUID()}`;
	const before = Number(await queued());

	for (let i = 0; i < 2; i++) {
		const answer = await confirmation(url);

		assert.equal(answer.status, 200);
		assert.deepEqual(answer.json(), { targetUrl: `${stack.url}/` });
		assert.equal(Number(await queued()), before + 1);
	}
	assert.equal((await confirmation(url.replace("/v1/", "/"), { lifecycle: "CONFIRMATION", messageType: undefined })).status, 200);
	assert.equal(Number(await queued()), before + 2);
	for (const wrong of [
		"https://evil.example/apps/x", url.replace(appId, randomUUID()), url.replace("/apps/", "/installedapps/"),
		url.replace("127.0.0.1", "localhost"), url.replace("http:", "https:"), `${keyServer.url}/v1/apps/${appId}/x`,
		url.replace("127.0.0.1", "user@127.0.0.1"), url.replace("/confirm", "/../../oauth/token"), "file:///etc/passwd",
	])
		assert.equal((await confirmation(wrong)).status, 400, wrong);
	assert.equal(Number(await queued()), before + 2);
	assert.equal((await signed('{"messageType":"CONFIRMATION","confirmationData":{}}')).status, 400);
});

test("an event changes its switch and the seq; the same event again changes nothing", async () => {
	assert.equal((await signed(fresh("off"))).status, 200);
	const seq = () => stack.psql(`SELECT seq FROM installation WHERE installation_id = '${installation}'`).then(Number);
	const before = await seq();
	const body = fresh("on");

	assert.equal((await signed(body)).status, 200);
	assert.equal(await state(), "on");
	assert.equal(await seq(), before + 1);
	assert.equal(await stack.psql(
		`SELECT count(*) FROM switch WHERE installation_id = '${installation}' AND seq = ${before + 1}`), "1");
	const stored = await contents();

	for (let i = 0; i < 3; i++)
		assert.equal((await signed(body)).status, 200);
	assert.equal(await contents(), stored);
});

test("simultaneous duplicates are stored once", async () => {
	const body = fresh("off");
	const before = Number(await stack.psql("SELECT count(*) FROM event"));
	const answers = await Promise.all(Array.from({ length: 12 }, () => signed(body)));

	assert.ok(answers.every(({ status }) => status === 200));
	assert.equal(Number(await stack.psql("SELECT count(*) FROM event")), before + 1);
});

/** Lock the row of an installation, over a connection of its own, while "during" runs, which may release it. */
async function withLock(id, during) {
	const lock = await RowLock.take(stack, `SELECT FROM installation WHERE installation_id = '${id}' FOR UPDATE`);

	try {
		return await during(() => lock.release());
	} finally {
		await lock.release();
	}
}

/** Have these requests wait together for the processes, which then find all of them. */
async function whileStopped(requests) {
	const pids = stack.pids("webhook.fcgi");
	const before = stack.connectionsTo("webhook");
	let answers;

	pids.forEach((pid) => process.kill(pid, "SIGSTOP"));
	try {
		answers = requests.map((send) => send());
		await waitFor(() => stack.connectionsTo("webhook") >= before + requests.length, { what: "the requests to reach the programs" });
	} finally {
		pids.forEach((pid) => process.kill(pid, "SIGCONT"));
	}
	return answers;
}

test("webhooks that arrive while the processes are busy share a commit", async () => {
	const before = Number(await stack.psql("SELECT count(*) FROM event"));
	const answers = await Promise.all(await whileStopped(
		Array.from({ length: 24 }, (_, i) => () => signed(fresh(i % 2 ? "on" : "off")))));

	assert.deepEqual(answers.map(({ status }) => status), answers.map(() => 200));
	assert.equal(Number(await stack.psql("SELECT count(*) FROM event")), before + 24);
	assert.equal(await state(), "on");
	const sizes = [...stack.log("webhook").matchAll(/event=webhook\.events .* together=(\d+)/g)].map(([, size]) => Number(size));

	assert.ok(Math.max(...sizes) > 1, `together ${sizes.slice(-30)}`);
});

test("an installation whose row is locked delays no other", async () => {
	// Events of devices that are not in the database are stored as well.
	await stack.psql(`INSERT INTO user_account (owner_id) VALUES ('owner-of-both'); INSERT INTO installation (installation_id, user_id, status, synced_at)
		SELECT id, user_id, 'active', now() FROM user_account, unnest(ARRAY['locked-location', 'free-location']) id WHERE owner_id = 'owner-of-both'`);
	const of = (id) => signed(eventBody(id, [switchEvent(device, "on", { ticks: ++clock })]));

	await withLock("locked-location", async () => {
		const answers = await Promise.all(["locked-location", "free-location", "locked-location", "free-location", "free-location", "locked-location", "free-location"].map(of));

		assert.deepEqual(answers.map(({ status }) => status), [503, 200, 503, 200, 200, 503, 200]);
		assert.ok(answers.every(({ status, headers }) => status === 200 || headers["retry-after"] === "5"));
	});
	assert.equal(await stack.psql("SELECT string_agg(installation_id || ' ' || n, ', ') FROM (SELECT installation_id, count(*) AS n FROM event " +
		"WHERE installation_id IN ('locked-location', 'free-location') GROUP BY 1) e"), "free-location 4");
	assert.equal((await of("locked-location")).status, 200);
	await stack.psql("DELETE FROM work WHERE installation_id IN ('locked-location', 'free-location'); DELETE FROM installation WHERE installation_id IN " +
		"('locked-location', 'free-location'); DELETE FROM user_account WHERE owner_id = 'owner-of-both'");
});

test("a webhook of a locked installation waits, and is stored and answered 200 once the row is free", async () => {
	const stored = async (body) => (await stack.psql(
		`SELECT count(*) FROM event WHERE event_id = '${JSON.parse(body).eventData.events[0].deviceEvent.eventId}'`)) === "1";
	let answer, body;

	// On a machine that takes longer for this than a webhook waits, it is refused.
	for (let tries = 0; answer?.status !== 200 && tries < 10; tries++) {
		const before = stack.log("webhook").length;

		body = fresh("off");
		answer = await withLock(installation, async (release) => {
			const waits = signed(body);

			await waitFor(() => stack.log("webhook").slice(before).includes(`event=webhook.locked`), { what: "the webhook to wait" });
			assert.equal(await stored(body), false);
			await release();
			return waits;
		});
	}
	assert.equal(answer.status, 200, answer.text);
	assert.equal(await stored(body), true);
	assert.equal(await state(), "off");
});

test("webhooks of others that come together with those of a locked installation are stored before it is free", async () => {
	await stack.psql(`INSERT INTO user_account (owner_id) VALUES ('owner-of-another'); INSERT INTO installation (installation_id, user_id, status, synced_at)
		SELECT 'another-location', user_id, 'active', now() FROM user_account WHERE owner_id = 'owner-of-another'`);
	const waiting = [];

	await withLock(installation, async () => {
		const answers = await whileStopped(Array.from({ length: 12 }, (_, n) => () => signed(n % 2 === 0 ? fresh("on") :
			eventBody("another-location", [switchEvent(device, "on", { ticks: ++clock })]))));

		waiting.push(...answers.filter((_, n) => n % 2 === 0));
		const others = await Promise.all(answers.filter((_, n) => n % 2 === 1));

		assert.deepEqual(others.map(({ status }) => status), others.map(() => 200));
		assert.equal(await stack.psql("SELECT count(*) FROM event WHERE installation_id = 'another-location'"), "6");
	});
	for (const { status } of await Promise.all(waiting))
		assert.ok([200, 503].includes(status), `${status}`);
	await stack.psql("DELETE FROM work WHERE installation_id = 'another-location'; DELETE FROM installation WHERE installation_id = " +
		"'another-location'; DELETE FROM user_account WHERE owner_id = 'owner-of-another'");
});

test("any order of arrival ends in the same state", async () => {
	const ms = Math.floor(startedAt / 1000) * 1000 - 2000;
	const events = ["on", "off", "on", "off", "on"].map((value, i) => switchEvent(device, value, { ms, ticks: i + 1 }));

	for (const order of [[4, 3, 2, 1, 0], [2, 4, 0, 3, 1], [0, 1, 2, 3, 4]]) {
		await stack.psql(`DELETE FROM event WHERE installation_id = '${installation}'`);
		await stack.psql(`UPDATE switch SET state = NULL, state_at = NULL, state_tick = NULL WHERE installation_id = '${installation}'`);
		for (const i of order)
			assert.equal((await signed(eventBody(installation, [events[i]]))).status, 200);
		assert.equal(await state(), "on", order.join());
		await stack.psql(`DELETE FROM event WHERE installation_id = '${installation}'`);
		await stack.psql(`UPDATE switch SET state = NULL, state_at = NULL, state_tick = NULL WHERE installation_id = '${installation}'`);
		assert.equal((await signed(eventBody(installation, order.map((i) => events[i])))).status, 200);
		assert.equal(await state(), "on", `${order.join()} in one request`);
	}
});

test("an older event is stored and does not change the state", async () => {
	assert.equal((await signed(eventBody(installation, [switchEvent(device, "on", { ms: startedAt + 1000 })]))).status, 200);
	assert.equal((await signed(eventBody(installation, [switchEvent(device, "off", { ms: startedAt - 60000 })]))).status, 200);
	assert.equal(await state(), "on");
});

test("an event dated in the future counts as now, and later events still change the state", async () => {
	assert.equal((await signed(eventBody(installation, [switchEvent(device, "off", { ms: Date.now() + 3600000 })]))).status, 200);
	assert.equal(await state(), "off");
	assert.equal((await signed(eventBody(installation, [switchEvent(device, "on", { ms: Date.now() + 1000 })]))).status, 200);
	assert.equal(await state(), "on");
});

test("a hundred events without an eventId in one request are stored once", async () => {
	const many = Array.from({ length: 100 }, (_, i) => {
		const event = switchEvent(device, i % 2 ? "on" : "off", { ms: startedAt - 900000 + i * 1000 });

		delete event.deviceEvent.eventId;
		return event;
	});
	const count = () => stack.psql("SELECT count(*) FROM event").then(Number);
	const before = await count();

	for (let i = 0; i < 2; i++) {
		assert.equal((await signed(eventBody(installation, many))).status, 200);
		assert.equal(await count(), before + 100);
	}
	assert.equal((await signed(eventBody(installation, []))).status, 200);
});

test("every type of event is answered 200 and stored", async () => {
	const member = (more) => ({ eventId: timeUuid(Date.now(), ++clock), locationId: randomUUID(), ...more });
	const types = {
		DEVICE_HEALTH_EVENT: ["deviceHealthEvent", member({ deviceId: device, status: "ONLINE", reason: "NONE" })],
		DEVICE_LIFECYCLE_EVENT: ["deviceLifecycleEvent", member({ deviceId: device, lifecycle: "UPDATE", update: {} })],
		HUB_HEALTH_EVENT: ["hubHealthEvent", member({ hubId: randomUUID(), status: "OFFLINE", reason: "HUB_DISCONNECTED" })],
		MODE_EVENT: ["modeEvent", member({ modeId: randomUUID() })],
		SCENE_LIFECYCLE_EVENT: ["sceneLifecycleEvent", member({ sceneId: randomUUID(), lifecycle: "CREATE", create: {} })],
		SECURITY_ARM_STATE_EVENT: ["securityArmStateEvent", member({ armState: "ARMED_AWAY", optionalArguments: {} })],
		LOCATION_LIFECYCLE_EVENT: ["locationLifecycleEvent", member({ lifecycle: "UPDATE" })],
		TIMER_EVENT: ["timerEvent", member({ name: "tick", type: "CRON" })],
		DEVICE_COMMANDS_EVENT: ["deviceCommandsEvent", member({ deviceId: device, commands: [] })],
		SOMETHING_NEW_EVENT: ["somethingNewEvent", member({ shape: { of: ["things", 1, null] } })],
	};

	for (const [eventType, [name, detail]] of Object.entries(types)) {
		const body = eventBody(installation, [{ eventTime: new Date().toISOString(), eventType, [name]: detail }]);

		assert.equal((await signed(body)).status, 200, eventType);
		assert.equal(await stack.psql(`SELECT event_type FROM event WHERE event_id = '${detail.eventId}'`), eventType);
	}
	const value = { complex: [1, "x", null] };
	const odd = switchEvent(device, value, { capability: "colorControl", attribute: "color", unit: "x", commandId: randomUUID() });

	assert.equal((await signed(eventBody(installation, [odd, { eventType: "BARE_EVENT" }]))).status, 200);
	assert.deepEqual(JSON.parse(await stack.psql(
		`SELECT value FROM event WHERE event_id = '${odd.deviceEvent.eventId}'`)), value);
	assert.equal(await stack.psql("SELECT count(*) FROM event WHERE event_type = 'BARE_EVENT'"), "1");
	assert.equal((await signed('{"messageType":"WHAT_IS_THIS","x":1}')).status, 200);
	assert.equal((await signed('{"lifecycle":"UPDATE","updateData":{}}')).status, 200);
	// The lifecycle events queued a sync; the tests below need it to be done.
	await stack.syncedInstallation("Home");
});

test("health events mark a device offline and online again", async () => {
	const health = (status) => eventBody(installation, [{
		eventTime: new Date().toISOString(), eventType: "DEVICE_HEALTH_EVENT",
		deviceHealthEvent: { eventId: timeUuid(Date.now(), ++clock), deviceId: device, status },
	}]);
	const online = () => stack.psql(`SELECT online FROM device WHERE installation_id = '${installation}' AND device_id = '${device}'`);

	assert.equal((await signed(health("OFFLINE"))).status, 200);
	assert.equal(await online(), "f");
	assert.equal((await signed(health("ONLINE"))).status, 200);
	assert.equal(await online(), "t");
});

test("events of an unknown installation are answered 200 and not stored", async () => {
	const before = await contents();

	assert.equal((await signed(eventBody(randomUUID(), [switchEvent(device, "on")]))).status, 200);
	assert.equal(await contents(), before);
});

test("listeners are notified with the installation's id, less than once per webhook", async () => {
	// Counts the notifications of one second.
	const listening = promisify(execFile)("psql", ["-XAtq", "-d", stack.databaseUrl,
		"-c", "LISTEN switchboard_page", "-c", "SELECT pg_sleep(1)", "-c", "SELECT 1"]);

	await waitFor(() => stack.psql("SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(1)'"));
	await Promise.all(Array.from({ length: 40 }, (_, i) => signed(fresh(i % 2 ? "on" : "off"))));
	const { stdout } = await listening;
	const payloads = [...stdout.matchAll(/"switchboard_page" with payload "(.*)" received/g)].map(([, payload]) => payload);

	assert.ok(payloads.length >= 1, stdout);
	assert.ok(payloads.length < 40, `${payloads.length} wake-ups for 40 webhooks`);
	assert.ok(payloads.every((payload) => payload.startsWith(`${installation} {"seq"`) || payload.split(",").includes(installation)), stdout);
});

test("an uninstall erases tokens, devices and, with the last location, the sessions", async () => {
	const gone = (installation) => eventBody(installation, [{
		eventTime: new Date().toISOString(), eventType: "INSTALLED_APP_LIFECYCLE_EVENT",
		installedAppLifecycleEvent: {
			eventId: timeUuid(Date.now(), ++clock), locationId: randomUUID(), installedAppId: installation, appId, lifecycle: "DELETE",
		},
	}]);
	const userOf = (installation) => stack.psql(`SELECT user_id FROM access WHERE installation_id = '${installation}'`);
	const left = (installation, user) => stack.psql(`SELECT i.status, (SELECT count(*) FROM token t WHERE t.installation_id = i.installation_id),
		(SELECT count(*) FROM device d WHERE d.installation_id = i.installation_id),
		(SELECT count(*) FROM switch w WHERE w.installation_id = i.installation_id),
		(SELECT count(*) FROM subscription b WHERE b.installation_id = i.installation_id),
		(SELECT count(*) FROM session s WHERE s.user_id = ${user}) > 0
		FROM installation i WHERE i.installation_id = '${installation}'`);

	await linkAccount(stack, { location: "Lake cabin", jar });
	const cabin = await stack.syncedInstallation("Lake cabin");

	const user = await userOf(cabin);

	assert.equal((await signed(gone(cabin))).status, 200);
	assert.equal(await left(cabin, user), "removed|0|0|0|0|t");
	assert.match(await left(installation, user), /^active\|1\|[1-9]\d*\|[1-9]/);
	assert.equal((await signed(gone(cabin))).status, 200, "twice");

	await stack.control("POST", "accounts", { name: "Guest", locations: [{ name: "Flat", devices: [{ name: "Lamp" }] }] });
	await linkAccount(stack, { location: "Flat" });
	const flat = await stack.syncedInstallation("Flat");

	const guest = await userOf(flat);

	assert.equal((await signed(gone(flat))).status, 200);
	assert.equal(await left(flat, guest), "removed|0|0|0|0|f");
	const before = await contents();

	assert.equal((await signed(eventBody(flat, [switchEvent(device, "on")]))).status, 200, "a late event");
	assert.equal(await contents(), before);
});

test("a webhook is logged in one line, without its content", async () => {
	const body = eventBody(installation, [switchEvent(device, "on", { ms: Date.now() + 2000, subscriptionName: "unmistakable" })]);

	await signed(body);
	await signed(body);
	const log = stack.log("webhook");

	assert.match(log, new RegExp(`event=webhook.events .*installation=${installation} stored=1 duplicates=0 known=yes`));
	assert.match(log, new RegExp(`event=webhook.events .*installation=${installation} stored=0 duplicates=1 known=yes`));
	assert.match(log, /event=webhook.unverified .*why=signature/);
	assert.equal(log.includes("unmistakable"), false);
	assert.equal(log.includes(device), false);
});

test("other webhooks are answered while a certificate is fetched, also by the process that fetches it", async () => {
	const count = stack.pids("webhook.fcgi").length;
	const slow = Array.from({ length: 2 * count }, (_, i) => `/own/slow-${i}`);
	let ended = 0;

	await forgetFetches();
	for (const keyId of slow)
		keyServer.keys.set(keyId, { certificate: other.certificate, delayMs: 2000 });
	const waiting = slow.map((keyId) => signed(fresh(), { key: other.key, keyId }).finally(() => ended++));

	await waitFor(() => slow.every((keyId) => keyServer.fetches.has(keyId)), { what: "all fetches to be under way at once" });
	for (let i = 0; i < 4 * count; i++)
		assert.equal((await signed(fresh())).status, 200);
	assert.equal(ended, 0, "they were answered before any of the fetches ended");
	assert.deepEqual((await Promise.all(waiting)).map(({ status }) => status), slow.map(() => 200));
});

test("a process that is stopped answers the webhooks that wait for a certificate", async () => {
	const keyId = "/own/slow-stop";

	await forgetFetches();
	keyServer.keys.set(keyId, { certificate: other.certificate, delayMs: 1000 });
	const waiting = signed(fresh(), { key: other.key, keyId });

	await waitFor(() => keyServer.fetches.has(keyId), { what: "the fetch" });
	for (const pid of stack.pids("webhook.fcgi"))
		process.kill(pid, "SIGTERM");
	assert.equal((await waiting).status, 200);
});

test("a certificate is kept only when a signature was verified with it, and not beyond its end", async () => {
	const keyId = "/own/unproven";
	const rows = () => stack.psql(`SELECT count(*) FROM signing_key WHERE key_id = '${keyId}' AND certificate IS NOT NULL`);

	keyServer.keys.set(keyId, { certificate: other.certificate });
	assert.equal((await signed(fresh(), { keyId })).status, 401);
	assert.equal(await rows(), "0");
	assert.equal((await signed(fresh(), { key: other.key, keyId })).status, 200, "the platform's own is not held up by that");
	assert.equal(await rows(), "1");
	await stack.psql(`INSERT INTO signing_key (key_id, certificate, not_after, fetched_at)
		VALUES ('/own/ended', 'x', now() - interval '2 hours', now() - interval '9 days')`);
	assert.equal((await signed(fresh(), { keyId: "/own/never" })).status, 401);
	assert.equal(await stack.psql("SELECT count(*) FROM signing_key WHERE key_id = '/own/ended'"), "0");
});

/** A day later: a certificate in the database is as old, and the processes are new. */
async function age(keyId) {
	const old = stack.pids("webhook.fcgi");

	await stack.psql(`UPDATE signing_key SET fetched_at = now() - interval '25 hours', failed_until = NULL, failure = NULL WHERE key_id = '${keyId}'`);
	for (const pid of old)
		process.kill(pid, "SIGTERM");
	await waitFor(() => stack.pids("webhook.fcgi").filter((pid) => !old.includes(pid)).length >= old.length,
		{ what: "new processes" });
}

test("a certificate that is a day old is refreshed once, and serves meanwhile and when that fails", async () => {
	const keyId = "/own/aged";
	const one = () => signed(fresh(), { key: other.key, keyId });
	const isFresh = () => stack.psql(`SELECT 1 FROM signing_key WHERE key_id = '${keyId}' AND fetched_at > now() - interval '1 hour'`);
	const hasFailed = () => stack.psql(`SELECT failure FROM signing_key WHERE key_id = '${keyId}'`);

	await forgetFetches();
	keyServer.keys.set(keyId, { certificate: other.certificate });
	assert.equal((await one()).status, 200);
	for (const [served, failure] of [[{ hang: true }, "away"], [{ status: 503 }, "away"], [{ status: 404 }, "refused"], [{ body: "x" }, "refused"]]) {
		await age(keyId);
		keyServer.fetches.delete(keyId);
		keyServer.keys.set(keyId, served);
		for (let i = 0; i < 12; i++)
			assert.equal((await one()).status, 200, failure);
		assert.equal(await waitFor(hasFailed, { what: "the end of the fetch" }), failure);
		assert.equal((await one()).status, 200, failure);
		assert.equal(keyServer.fetches.get(keyId), 1, "by one process");
	}
	await age(keyId);
	keyServer.fetches.delete(keyId);
	keyServer.keys.set(keyId, { certificate: other.certificate, delayMs: 300 });
	for (let i = 0; i < 12; i++)
		assert.equal((await one()).status, 200);
	await waitFor(isFresh, { what: "the certificate to be refreshed" });
	for (let i = 0; i < 12; i++)
		assert.equal((await one()).status, 200);
	assert.equal(keyServer.fetches.get(keyId), 1, "by one process");
});

test("a key that was replaced under its name has to verify a signature before it serves", async () => {
	const keyId = "/own/replaced";
	const count = stack.pids("webhook.fcgi").length;

	await forgetFetches();
	keyServer.keys.set(keyId, { certificate: own.certificate });
	assert.equal((await signed(fresh(), { keyId })).status, 200);
	await age(keyId);
	keyServer.keys.set(keyId, { certificate: other.certificate });
	assert.equal((await signed(fresh(), { keyId })).status, 200, "the old one until the new one is there");
	await waitFor(async () => await stack.psql(`SELECT count(*) FROM signing_key WHERE key_id = '${keyId}'`) === "0", { what: "the old one to go" });
	for (let i = 0; i < 4 * count; i++)
		assert.equal((await signed(fresh(), { key: other.key, keyId })).status, 200);
});

// These come last: they use up budgets of fetches for a minute.
test("fetches of invented keyIds have a budget, the platform's own keyId is not affected", async () => {
	const statuses = [];
	const invented = () => [...keyServer.fetches.keys()].filter((id) => id.startsWith("/invented/")).length;

	keyServer.keys.set("/invented/29", { certificate: other.certificate });
	for (let i = 0; i < 30; i++)
		statuses.push((await signed(fresh(), { keyId: `/invented/${i}`, localAddress: "127.0.1.1" })).status);
	assert.deepEqual([...new Set(statuses)].sort(), [401, 503]);
	assert.equal(invented(), 20);
	assert.equal((await signed(fresh())).status, 200);
	const webhook = { key: other.key, keyId: "/invented/29" };

	assert.equal((await signed(fresh(), { ...webhook, localAddress: "127.0.1.2" })).status, 503, "a neighbour in the same network");
	assert.equal((await signed(fresh(), { ...webhook, localAddress: "127.0.2.1" })).status, 200, "the platform's next key, from another network");
	assert.equal(invented(), 21);
});

test("each fetch of a certificate that verifies nothing counts, also of one that is there", async () => {
	const keyId = "/own/again";
	const statuses = [];

	keyServer.keys.set(keyId, { certificate: other.certificate });
	for (let i = 0; i < 30; i++)
		statuses.push((await signed(fresh(), { keyId, localAddress: "127.0.3.1" })).status);
	assert.deepEqual([...new Set(statuses)].sort(), [401, 503]);
	assert.equal(keyServer.fetches.get(keyId), 20);
	assert.equal((await signed(fresh(), { key: other.key, keyId, localAddress: "127.0.4.1" })).status, 200);
});

test("invented keyIds do not delay the platform's webhooks while the key server hangs", async () => {
	await forgetFetches();
	for (let i = 0; i < 16; i++)
		keyServer.keys.set(`/hanging/${i}`, { hang: true });
	const fetched =  () => [...keyServer.fetches.keys()].filter((id) => id.startsWith("/hanging/")).length;
	let ended = 0;
	const invented = Array.from({ length: 16 },
		(_, i) => signed(fresh(), { keyId: `/hanging/${i}` }).finally(() => ended++));

	await waitFor(() => fetched() === 16, { what: "all fetches to be under way at once" });
	assert.equal((await signed(fresh())).status, 200);
	assert.equal(ended, 0, "it was answered before any of the others");
	assert.deepEqual([...new Set((await Promise.all(invented)).map(({ status }) => status))], [503]);
});
