// The database fails over to its standby, and back: both are in the URL.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { linkAccount, startStack, waitFor } from "../stack.mjs";
import { eventBody, switchEvent } from "./key_server.mjs";
import { PostgreSQL } from "./postgres.mjs";

const run = promisify(execFile);
const folder = mkdtempSync(path.join(tmpdir(), "switchboard-failover-"));
let primary, standby, stack, installation, device, jar, clock = 0;

before(async () => {
	chmodSync(folder, 0o755);
	primary = await PostgreSQL.make(path.join(folder, "a"));
	standby = await primary.standby(path.join(folder, "b"));
	stack = await startStack({ env: { SWITCHBOARD_DATABASE_URL: `${primary.url},${standby.folder}` } });
	jar = await linkAccount(stack, { location: "Home" });
	installation = await stack.syncedInstallation("Home");
	device = await ask(primary, "SELECT device_id FROM switch WHERE component = 'main' LIMIT 1");
});

after(async () => {
	await stack?.stop();
	await standby?.stop();
	await primary?.stop();
	rmSync(folder, { recursive: true, force: true });
});

const ask = async (server, sql) => (await run("psql", ["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql, server.url])).stdout.trim();

async function post() {
	const body = eventBody(installation, [switchEvent(device, "on", { ms: Date.now() - 60000 + 1000 * ++clock })]);
	const { headers } = await stack.control("POST", "sign", { body });

	return stack.request("/", { method: "POST", body, headers: { ...headers, "Content-Type": "application/json" } });
}

const workers = (server) => ask(server, "SELECT count(*) FROM worker WHERE seen_at > now() - interval '8 seconds'").then(Number);

test("webhooks, pages and the worker leave a server that became read-only for the promoted standby", async () => {
	assert.equal((await post()).status, 200);
	await waitFor(async () => await ask(primary, "SELECT pg_current_wal_lsn()") === await ask(standby, "SELECT pg_last_wal_replay_lsn()"),
		{ what: "the standby to have it" });
	// All connections stay as they are: the server answers 25006 on them.
	await ask(primary, "ALTER SYSTEM SET default_transaction_read_only = on");
	await ask(primary, "SELECT pg_reload_conf()");
	await waitFor(async () => await ask(primary, "SHOW default_transaction_read_only") === "on");
	await ask(standby, "SELECT pg_promote()");
	const before = Number(await ask(standby, "SELECT count(*) FROM event"));

	for (let i = 0; i < 12; i++)
		assert.equal((await post()).status, 200);
	assert.equal(Number(await ask(standby, "SELECT count(*) FROM event")), before + 12);
	assert.equal((await stack.request("/api/switches", { jar })).status, 200);
	await waitFor(async () => await workers(standby) === 1, { what: "the worker to write to it" });
});

test("the old server gone, everything goes on with the new one", async () => {
	await primary.stop("immediate");
	for (let i = 0; i < 4; i++)
		assert.equal((await post()).status, 200);
	assert.equal((await stack.request("/api/switches", { jar })).status, 200);
	assert.equal((await stack.request("/healthz")).status, 200);
});

test("a standby that is promoted without the last refresh gets the tokens from the worker's spool", async () => {
	// The first server again, as a standby of the second, which stops before the refresh.
	rmSync(primary.folder, { recursive: true, force: true });
	primary = await standby.standby(primary.folder);
	await waitFor(async () => await ask(standby, "SELECT pg_current_wal_lsn()") === await ask(primary, "SELECT pg_last_wal_replay_lsn()"),
		{ what: "the standby to have everything" });
	await primary.stop();
	const pair = (server) => ask(server, `SELECT generation, access_sealed, refresh_sealed FROM token WHERE installation_id = '${installation}'`);
	const generation = (server) => ask(server, `SELECT generation FROM token WHERE installation_id = '${installation}'`).then(Number);
	const old = await pair(standby);
	const first = await generation(standby);

	await ask(standby, `UPDATE work SET run_at = now() WHERE kind = 'refresh' AND installation_id = '${installation}'; NOTIFY switchboard_work`);
	await waitFor(async () => await generation(standby) === first + 1, { timeoutMs: 60000, what: "the refresh" });
	await standby.stop("immediate");
	await primary.start();
	assert.equal(await pair(primary), old, "it lags behind");
	await ask(primary, "SELECT pg_promote()");
	await waitFor(async () => await generation(primary) === first + 1, { timeoutMs: 60000, what: "the tokens from the spool" });
	assert.equal(await ask(primary, `SELECT status FROM installation WHERE installation_id = '${installation}'`), "active");
	await ask(primary, `UPDATE work SET run_at = now() WHERE kind = 'refresh' AND installation_id = '${installation}'; NOTIFY switchboard_work`);
	await waitFor(async () => await generation(primary) === first + 2, { timeoutMs: 60000, what: "another refresh with them" });
});
