// The database goes away and comes back, under a webhook and under a sign-in.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { appendFileSync, chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { consent, linkAccount, startStack, waitFor } from "../stack.mjs";
import { eventBody, switchEvent } from "./key_server.mjs";
import { openStream } from "./stream.mjs";

const run = promisify(execFile);
const folder = mkdtempSync(path.join(tmpdir(), "switchboard-outage-"));
const data = path.join(folder, "data");
let stack, home, device, clock = 0;

function newestPrograms() {
	const versions = readdirSync("/usr/lib/postgresql").map(Number).sort((a, b) => b - a);

	return `/usr/lib/postgresql/${versions[0]}/bin`;
}

/** PostgreSQL refuses to run as root. */
async function postgres(program, args) {
	const command = [path.join(newestPrograms(), program), ...args];
	const asPostgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--", ...command];
	const [file, ...rest] = process.getuid() === 0 ? asPostgres : command;

	await run(file, rest, { cwd: "/" });
}

const stopDatabase = () => postgres("pg_ctl", ["-D", data, "-m", "fast", "-w", "stop"]);
const startDatabase = () => postgres("pg_ctl", ["-D", data, "-l", path.join(data, "log"), "-w", "start"]);

before(async () => {
	chmodSync(folder, 0o755);
	mkdirSync(data, { mode: 0o700 });
	if (process.getuid() === 0) {
		const { stdout } = await run("id", ["-u", "postgres"]);

		chownSync(data, Number(stdout), -1);
		chownSync(folder, Number(stdout), -1);
	}
	await postgres("initdb", ["-D", data, "-A", "trust", "-U", "owner", "-N"]);
	appendFileSync(path.join(data, "postgresql.conf"),
		`listen_addresses = ''\nunix_socket_directories = '${folder}'\nfsync = off\n`);
	await startDatabase();
	await run("createdb", ["-h", folder, "-U", "owner", "switchboard"]);
	stack = await startStack({
		env: { SWITCHBOARD_DATABASE_URL: `postgresql://owner@/switchboard?host=${folder}` },
	});
	await linkAccount(stack, { location: "Home" });
	home = await stack.psql("SELECT installation_id FROM installation");
	await waitFor(() => stack.psql("SELECT 1 FROM installation WHERE synced_at IS NOT NULL"),
		{ timeoutMs: 30000, what: "the first sync" });
	device = await stack.psql("SELECT device_id FROM switch WHERE component = 'main' LIMIT 1");
});

after(async () => {
	await stack?.stop();
	await stopDatabase().catch(() => {});
	rmSync(folder, { recursive: true, force: true });
});

/** A webhook of the platform with one event of its own. */
const body = () => eventBody(home, [switchEvent(device, "on", { ms: Date.now() - 60000 + 1000 * ++clock })]);

async function post(text) {
	const { headers } = await stack.control("POST", "sign", { body: text });

	return stack.request("/", { method: "POST", body: text, headers: { ...headers, "Content-Type": "application/json" } });
}

const stored = () => stack.psql("SELECT count(*) FROM event").then(Number);

test("a restart of the database between two requests is not noticed", async () => {
	const before = await stored();

	assert.equal((await post(body())).status, 200);
	await stopDatabase();
	await startDatabase();
	for (let i = 0; i < 8; i++)
		assert.equal((await post(body())).status, 200);
	for (let i = 0; i < 4; i++)
		assert.equal((await stack.request("/oauth/start")).status, 302);
	assert.equal(await stored(), before + 9);
});

test("an open stream outlives a restart of the database, and later changes arrive", async () => {
	const jar = await linkAccount(stack, { location: "Home" });
	const { cursor, switches } = (await stack.request("/api/switches", { jar })).json();
	const { state } = switches.find(({ deviceId }) => deviceId === device);
	const value = state === "on" ? "off" : "on";
	const stream = await openStream(stack, { jar, cursor });

	await stopDatabase();
	await waitFor(async () => (await stack.request("/events", { jar })).status === 503, { intervalMs: 100 });
	await startDatabase();
	await stack.control("POST", `devices/${device}/flip`, { value });
	await stream.next(({ data }) => data.deviceId === device && data.state === value, { timeoutMs: 30000 });
	assert.ok(!stream.ended);
	stream.close();
});

test("without the database a webhook is 503 with Retry-After, never 200, and works again after", async () => {
	const before = await stored();
	const text = body();

	await stopDatabase();
	for (let i = 0; i < 8; i++) {
		const answer = await post(i === 0 ? text : body());

		assert.equal(answer.status, 503);
		assert.match(answer.headers["retry-after"], /^\d+$/);
		assert.equal(answer.json().error.code, "unavailable");
	}
	await startDatabase();
	await waitFor(async () => (await post(text)).status === 200, { intervalMs: 200, timeoutMs: 30000 });
	assert.equal((await post(text)).status, 200);
	assert.equal(await stored(), before + 1);
});

test("without the database signing in says so; the state is good afterwards", async () => {
	const { jar, callback } = await consent(stack, { location: "Lake cabin" });

	await stopDatabase();
	for (const where of ["/oauth/start", callback]) {
		const answer = await stack.request(where, { jar });

		assert.equal(answer.status, 503);
		assert.match(answer.text, /cannot reach its database/);
		assert.match(answer.headers["retry-after"], /^\d+$/);
	}
	await startDatabase();
	const answer = await waitFor(async () => {
		const each = await stack.request(callback, { jar });

		return each.status === 503 ? false : each;
	}, { intervalMs: 200, timeoutMs: 30000 });

	assert.equal(answer.status, 303);
});

/** The database stops while the platform keeps an exchange waiting; answers once its link could not be stored. */
async function stopDuringExchange() {
	await waitFor(async () => (await stack.control("GET", "faults")).faults.length === 0, { what: "the exchange" });
	await stopDatabase();
	const tries = () => stack.log("oauth").split("event=db.").length;
	const before = tries();

	await waitFor(() => tries() > before, { what: "a try to store the link" });
}

test("a database that is away for a moment after the exchange loses no tokens", async () => {
	const { jar, callback } = await consent(stack, { location: "Home" });
	const before = Number(await stack.psql(`SELECT generation FROM token WHERE installation_id = '${home}'`));

	await stack.control("POST", "faults", { path: "/oauth/token", action: "slow", delayMs: 3000 });
	const answer = stack.request(callback, { jar });

	await stopDuringExchange();
	await startDatabase();
	assert.equal((await answer).status, 303);
	assert.ok(Number(await stack.psql(`SELECT generation FROM token WHERE installation_id = '${home}'`)) > before);
	assert.match(stack.log("oauth"), /event=oauth\.exchange .*status=200/);
});

test("a database that stays away after the exchange ends in a page that says to link again", async () => {
	const { jar, callback } = await consent(stack, { location: "Home" });

	await stack.control("POST", "faults", { path: "/oauth/token", action: "slow", delayMs: 3000 });
	const pending = stack.request(callback, { jar });

	await stopDuringExchange();
	const answer = await pending;

	assert.equal(answer.status, 503);
	assert.match(answer.text, /link again/);
	assert.equal(jar.cookies(stack.url).session, undefined);
	await startDatabase();
	// Each process finds out by itself, within its back-off of at most 1 s.
	await waitFor(() => linkAccount(stack, { location: "Home", jar }), { intervalMs: 200, timeoutMs: 30000 });
	assert.match(jar.cookies(stack.url).session, /^[\w-]{43}$/);
});
