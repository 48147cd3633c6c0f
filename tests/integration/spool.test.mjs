// The answers of refreshes that a worker keeps on its disk: what a database that lacks them gets back, and what it does not.
import assert from "node:assert/strict";
import { existsSync, readdirSync, renameSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { quote, startStack, waitFor } from "../stack.mjs";
import { Installation, lamps } from "./installation.mjs";
import { startWorker } from "./worker_process.mjs";

let stack;

before(async () => {
	stack = await startStack();
});

after(() => stack?.stop());

const rowOf = ({ id }) => `FROM token WHERE installation_id = ${quote(id)}`;
const pairOf = (installation) => stack.psql(`SELECT generation, access_sealed, refresh_sealed ${rowOf(installation)}`);
const generationOf = (installation) => stack.psql(`SELECT generation ${rowOf(installation)}`).then(Number);
const files = ({ id }, stateDir = stack.stateDir) => readdirSync(path.join(stateDir, "spool")).filter((name) => name.startsWith(`${id}.`));
const workerPid = () => waitFor(() => stack.pids("switchboard-worker")[0], { timeoutMs: 60000, what: "the worker" });

async function refresh(installation) {
	const old = await generationOf(installation);

	await stack.psql(`UPDATE work SET run_at = now() WHERE kind = 'refresh' AND installation_id = ${quote(installation.id)}; NOTIFY switchboard_work`);
	await waitFor(async () => await generationOf(installation) > old, { timeoutMs: 60000, what: "the refresh" });
}

/** Refresh, then give the row back that was there before, as a standby that lags or a backup would; returns the fresh pair's generation. */
async function refreshAndGoBack(installation) {
	await stack.psql(`DROP TABLE IF EXISTS yesterday; CREATE TABLE yesterday AS SELECT * ${rowOf(installation)}`);
	await refresh(installation);
	const fresh = await generationOf(installation);

	await stack.psql(`BEGIN; DELETE ${rowOf(installation)}; INSERT INTO token SELECT * FROM yesterday; DROP TABLE yesterday; COMMIT`);
	return fresh;
}

async function clickWorks(installation) {
	const [{ state }] = await installation.list();

	assert.equal((await installation.click(installation.devices[0], { command: state === "on" ? "off" : "on" })).status, 202);
	const rows = await installation.finished();

	assert.equal(rows.at(-1).status, "confirmed");
}

/** Kill the worker, whose supervisor starts it again. */
async function restartWorker() {
	const pid = await workerPid();

	process.kill(pid, "SIGKILL");
	await waitFor(() => stack.pids("switchboard-worker").some((other) => other !== pid), { timeoutMs: 60000, what: "the next worker" });
}

const untilBack = (installation, fresh) => waitFor(async () => await generationOf(installation) === fresh,
	{ timeoutMs: 60000, what: "the tokens from the spool" });

test("a database that fails over, and lacks the last refresh, gets its tokens back", async () => {
	const installation = await Installation.create(stack, lamps(1));
	const fresh = await refreshAndGoBack(installation);

	await stack.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'switchboard-worker%'");
	await untilBack(installation, fresh);
	await stack.control("POST", "calls/reset", {});
	await clickWorks(installation);
	assert.deepEqual(await installation.refreshCalls(), [], "the tokens are good");
	await refresh(installation);
	assert.equal((await installation.row()).status, "active");
});

test("a worker that starts on yesterday's backup gives it the tokens refreshed since", async () => {
	const installation = await Installation.create(stack, lamps(1));
	const fresh = await refreshAndGoBack(installation);

	await restartWorker();
	await untilBack(installation, fresh);
	await clickWorks(installation);
});

test("an answer older than another host's is of no use, and is removed", async () => {
	const installation = await Installation.create(stack, lamps(1));

	await refresh(installation);
	assert.equal(files(installation).length, 1);
	const pid = await workerPid();
	const other = await startWorker(stack);

	process.kill(pid, "SIGSTOP");
	try {
		await refresh(installation);
		assert.equal(files(installation, other.stateDir).length, 1);
	} finally {
		await other.stop();
		process.kill(pid, "SIGCONT");
	}
	const pair = await pairOf(installation);

	await waitFor(() => files(installation).length === 0, { timeoutMs: 60000, what: "the older answer to be removed" });
	assert.equal(await pairOf(installation), pair);
	await clickWorks(installation);
});

test("linked again after it was erased, a location keeps its new tokens, whatever is in the spool", async () => {
	const installation = await Installation.create(stack, lamps(1));
	const { id } = installation;

	await refresh(installation);
	const before = await generationOf(installation);
	const file = path.join(stack.stateDir, "spool", files(installation)[0]);
	const aside = path.join(stack.stateDir, "spool", "aside");

	renameSync(file, aside);
	await stack.psql(`SELECT installation_erase(${quote(id)}, false)`);
	await installation.link();
	assert.equal(installation.id, id);
	assert.ok(await generationOf(installation) > before, "the generation is higher than before");
	const pair = await pairOf(installation);

	renameSync(aside, file);
	await restartWorker();
	await waitFor(() => !existsSync(file), { timeoutMs: 60000, what: "the old answer to be removed" });
	assert.equal(await pairOf(installation), pair);
	await clickWorks(installation);
});

test("nothing of a location that is gone stays in the spool", async () => {
	const disconnected = await Installation.create(stack, lamps(1));
	const erased = await Installation.create(stack, lamps(1));

	for (const installation of [disconnected, erased])
		await refresh(installation);
	assert.equal(files(disconnected).length + files(erased).length, 2);
	await stack.request("/disconnect", { jar: disconnected.jar, form: { csrf: disconnected.csrf, installation: disconnected.id } });
	await stack.psql(`SELECT installation_erase(${quote(erased.id)}, false)`);
	await waitFor(() => files(disconnected).length + files(erased).length === 0, { timeoutMs: 60000, what: "their answers to be removed" });
});
