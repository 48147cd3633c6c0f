// The database stops and starts again during webhooks, streams and sign-ins.
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { consent, linkAccount, startStack, waitFor } from "../stack.mjs";
import { eventBody, switchEvent } from "./key_server.mjs";
import { PostgreSQL } from "./postgres.mjs";
import { openStream } from "./stream.mjs";

const folder = mkdtempSync(path.join(tmpdir(), "switchboard-outage-"));
let database, stack, installation, device, clock = 0;

before(async () => {
	chmodSync(folder, 0o755);
	database = await PostgreSQL.make(path.join(folder, "postgres"));
	stack = await startStack({ env: { SWITCHBOARD_DATABASE_URL: database.url } });
	await linkAccount(stack, { location: "Home" });
	installation = await stack.syncedInstallation("Home");
	device = await stack.psql("SELECT device_id FROM switch WHERE component = 'main' LIMIT 1");
});

after(async () => {
	await stack?.stop();
	await database?.stop();
	rmSync(folder, { recursive: true, force: true });
});

/** A webhook of the platform with one event of its own. */
const body = () => eventBody(installation, [switchEvent(device, "on", { ms: Date.now() - 60000 + 1000 * ++clock })]);

async function post(text) {
	const { headers } = await stack.control("POST", "sign", { body: text });

	return stack.request("/", { method: "POST", body: text, headers: { ...headers, "Content-Type": "application/json" } });
}

const stored = () => stack.psql("SELECT count(*) FROM event").then(Number);

test("a restart of the database between two requests fails no request", async () => {
	const before = await stored();

	assert.equal((await post(body())).status, 200);
	await database.stop();
	await database.start();
	for (let i = 0; i < 8; i++)
		assert.equal((await post(body())).status, 200);
	for (let i = 0; i < 4; i++)
		assert.equal((await stack.request("/oauth/start")).status, 302);
	assert.equal(await stored(), before + 9);
});

test("a restart of the database closes no stream, and later changes arrive", async () => {
	const jar = await linkAccount(stack, { location: "Home" });
	const { cursor, switches } = (await stack.request("/api/switches", { jar })).json();
	const { state } = switches.find(({ deviceId }) => deviceId === device);
	const value = state === "on" ? "off" : "on";
	const stream = await openStream(stack, { jar, cursor });

	await database.stop();
	await waitFor(async () => (await stack.request("/events", { jar })).status === 503, { intervalMs: 100 });
	await database.start();
	await stack.control("POST", `devices/${device}/flip`, { value });
	await stream.next(({ data }) => data.deviceId === device && data.state === value, { timeoutMs: 30000 });
	assert.ok(!stream.ended);
	stream.close();
});

test("without the database webhooks are answered 503 with Retry-After, and 200 when it is back", async () => {
	const before = await stored();
	const text = body();

	await database.stop();
	for (let i = 0; i < 8; i++) {
		const answer = await post(i === 0 ? text : body());

		assert.equal(answer.status, 503);
		assert.match(answer.headers["retry-after"], /^\d+$/);
		assert.equal(answer.json().error.code, "unavailable");
	}
	await database.start();
	await waitFor(async () => (await post(text)).status === 200, { intervalMs: 200, timeoutMs: 30000 });
	assert.equal((await post(text)).status, 200);
	assert.equal(await stored(), before + 1);
});

test("without the database signing in shows why it fails, and the state is still valid afterwards", async () => {
	const { jar, callback } = await consent(stack, { location: "Lake cabin" });

	await database.stop();
	for (const where of ["/oauth/start", callback]) {
		const answer = await stack.request(where, { jar });

		assert.equal(answer.status, 503);
		assert.match(answer.text, /cannot reach its database/);
		assert.match(answer.headers["retry-after"], /^\d+$/);
	}
	await database.start();
	const answer = await waitFor(async () => {
		const each = await stack.request(callback, { jar });

		return each.status === 503 ? false : each;
	}, { intervalMs: 200, timeoutMs: 30000 });

	assert.equal(answer.status, 303);
});

/** Stop the database while the platform delays its answer to an exchange; returns after a failed attempt to store the link. */
async function stopDuringExchange() {
	await waitFor(async () => (await stack.control("GET", "faults")).faults.length === 0, { what: "the exchange" });
	await database.stop();
	const attempts = () => stack.log("oauth").split("event=db.").length;
	const before = attempts();

	await waitFor(() => attempts() > before, { what: "an attempt to store the link" });
}

test("a database that restarts after the code exchange loses no tokens", async () => {
	const { jar, callback } = await consent(stack, { location: "Home" });
	const before = Number(await stack.psql(`SELECT generation FROM token WHERE installation_id = '${installation}'`));

	await stack.control("POST", "faults", { path: "/oauth/token", action: "slow", delayMs: 3000 });
	const answer = stack.request(callback, { jar });

	await stopDuringExchange();
	await database.start();
	assert.equal((await answer).status, 303);
	assert.ok(Number(await stack.psql(`SELECT generation FROM token WHERE installation_id = '${installation}'`)) > before);
	assert.match(stack.log("oauth"), /event=oauth\.exchange .*status=200/);
});

test("without the database after the code exchange, a page says to link again", async () => {
	const { jar, callback } = await consent(stack, { location: "Home" });

	await stack.control("POST", "faults", { path: "/oauth/token", action: "slow", delayMs: 3000 });
	const pending = stack.request(callback, { jar });

	await stopDuringExchange();
	const answer = await pending;

	assert.equal(answer.status, 503);
	assert.match(answer.text, /link again/);
	assert.equal(jar.cookies(stack.url).session, undefined);
	await database.start();
	// Each process reconnects after its own back-off of at most 1 s.
	await waitFor(() => linkAccount(stack, { location: "Home", jar }), { intervalMs: 200, timeoutMs: 30000 });
	assert.match(jar.cookies(stack.url).session, /^[\w-]{43}$/);
});
