// ./demo itself: what it refuses, what it leaves behind, what survives.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { freePorts, processesOf, request, startStack, top, waitFor } from "../stack.mjs";

let stack;

// A state directory that outlives its first stack, and that the service user can enter.
const stateDir = mkdtempSync(path.join(tmpdir(), "switchboard-demo-test-"));
chmodSync(stateDir, 0o755);

before(async () => {
	stack = await startStack({ stateDir });
});

after(async () => {
	await stack?.end();
	stack?.clean();
});

async function demo(env) {
	const child = spawn(path.join(top, "demo"), { env: { ...stack.env, ...env } });
	let output = "";

	child.stdout.on("data", (part) => (output += part));
	child.stderr.on("data", (part) => (output += part));
	const [status] = await once(child, "close");

	return { status, lines: output.trim().split("\n") };
}

function alive(pid) {
	try {
		return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
	} catch {
		return false;
	}
}

test("the first lines are the address of the page and of the simulator", async () => {
	await waitFor(() => /^simulator: /m.test(stack.output), { what: "the second line" });
	assert.match(stack.output, new RegExp(`^ready: ${stack.url}\nsimulator: ${stack.simulatorUrl}\n`, "m"));
});

test("a second start in the same state directory is refused in one line", async () => {
	const { status, lines } = await demo({});

	assert.equal(status, 1);
	assert.equal(lines.length, 1);
	assert.match(lines[0], /already running/);
});

test("a busy port is one clear line, and nothing is started", async () => {
	const other = mkdtempSync(path.join(tmpdir(), "switchboard-demo-test-"));
	const { status, lines } = await demo({ SWITCHBOARD_STATE_DIR: other });

	assert.equal(status, 1);
	assert.equal(lines.length, 1);
	assert.match(lines[0], new RegExp(`port ${stack.port} .*SWITCHBOARD_PORT`));
	assert.deepEqual(processesOf(other), []);
	assert.deepEqual(readdirSync(other), ["lock"]);
	rmSync(other, { recursive: true });
});

test("a busy port of the simulator is one clear line too", async () => {
	const other = mkdtempSync(path.join(tmpdir(), "switchboard-demo-test-"));
	const [port] = await freePorts();
	const { status, lines } = await demo({ SWITCHBOARD_STATE_DIR: other, SWITCHBOARD_PORT: String(port) });

	assert.equal(status, 1);
	assert.match(lines[0], /SWITCHBOARD_SIMULATOR_PORT/);
	rmSync(other, { recursive: true });
});

test("nothing runs as root, and nothing is in the clone", () => {
	const all = stack.processes();

	assert.ok(all.length > 10, "everything is marked");
	for (const { uid, command } of all) {
		assert.notEqual(uid, 0, command);
		assert.ok(!command.includes(top), command);
	}
});

test("no argument, environment or log shows a secret", () => {
	const secrets = ["client-secret", "seal-keys", "database-owner", "database-worker", "database-webhook"]
		.map((name) => readFileSync(path.join(stateDir, "secrets", name), "utf8").trim());

	for (const { pid, command } of stack.processes()) {
		const environment = readFileSync(`/proc/${pid}/environ`, "utf8");

		for (const secret of secrets) {
			assert.ok(!command.includes(secret), command);
			assert.ok(!environment.includes(secret), command);
		}
	}
	for (const file of readdirSync(path.join(stateDir, "log"))) {
		const text = readFileSync(path.join(stateDir, "log", file), "utf8");

		for (const secret of secrets)
			assert.ok(!text.includes(secret), file);
	}
});

test("only oauth and worker are told where client secret and seal keys are", () => {
	for (const name of ["webhook.fcgi", "dashboard.fcgi", "switchboard-events"]) {
		for (const pid of stack.pids(name)) {
			const environment = readFileSync(`/proc/${pid}/environ`, "utf8");

			assert.doesNotMatch(environment, /SEAL_KEYS|CLIENT_SECRET|HOME=|SUDO/, name);
		}
		assert.ok(stack.pids(name).length > 0, name);
	}
});

test("secrets are for their owner only", () => {
	assert.equal(statSync(path.join(stateDir, "secrets")).mode & 0o777, 0o700);
	assert.equal(statSync(path.join(stateDir, "database.url")).mode & 0o777, 0o600);
	for (const file of readdirSync(path.join(stateDir, "secrets")))
		assert.equal(statSync(path.join(stateDir, "secrets", file)).mode & 0o777, 0o600, file);
});

test("each role sees what its program needs", async () => {
	for (const role of ["webhook", "dashboard", "events"])
		await assert.rejects(stack.psql("SELECT count(*) FROM token", { role }), /permission denied/, role);
	assert.equal(await stack.psql("SELECT count(*) FROM token", { role: "worker" }), "0");
});

test("methods of /: others than GET, HEAD and POST are refused with what is allowed", async () => {
	const answer = await stack.request("/", { method: "PUT", body: "" });

	assert.equal(answer.status, 405);
	assert.equal(answer.headers.allow, "GET, HEAD, POST");
	assert.equal((await stack.request("/", { method: "HEAD" })).status, 200);
});

test("bodies: 1 MB for a webhook, 16 KB elsewhere, JSON errors below /api/", async () => {
	const post = (where, size) => stack.request(where, { body: "x".repeat(size) });

	assert.notEqual((await post("/", 1024 * 1024)).status, 413);
	assert.equal((await post("/", 1024 * 1024 + 1)).status, 413);
	const answer = await post("/api/switches", 16 * 1024 + 1);

	assert.equal(answer.status, 413);
	assert.equal(answer.json().error.code, "too_large");
});

test("static files have their types and may be kept", async () => {
	const style = await stack.request("/static/switchboard.css?v=1");

	assert.equal(style.headers["content-type"], "text/css; charset=utf-8");
	assert.match(style.headers["cache-control"], /immutable/);
	assert.equal(style.headers["x-content-type-options"], "nosniff");
	assert.equal((await stack.request("/static/none.css")).status, 404);
	assert.equal((await stack.request("/static/..%2f..%2f..%2fetc%2fpasswd")).status, 400);
});

test("a killed FastCGI process is replaced, again and again", async () => {
	for (let round = 0; round < 5; round++) {
		const old = stack.pids("dashboard.fcgi");

		for (const pid of old)
			process.kill(pid, "SIGKILL");
		await waitFor(() => stack.request("/").then((answer) => answer.status === 200));
		// All are new: one that is still about to end could not be killed in the next round.
		await waitFor(() => {
			const pids = stack.pids("dashboard.fcgi");

			return pids.length === 3 && !pids.some((pid) => old.includes(pid));
		}, { what: "three new processes" });
	}
});

test("killed streamer and worker come back", async () => {
	for (const name of ["switchboard-events", "switchboard-worker"]) {
		const [pid] = stack.pids(name);

		process.kill(pid, "SIGKILL");
		await waitFor(() => stack.pids(name).some((other) => other !== pid), { what: name });
	}
	await waitFor(() => stack.request("/events").then((answer) => answer.status === 401));
});

test("while a program is away the answer is a friendly 503", async () => {
	const [supervisor] = stack.processes()
		.filter(({ command }) => /multiwatch.*switchboard-events/.test(command)).map(({ pid }) => pid);
	const [streamer] = stack.pids("switchboard-events");

	process.kill(supervisor, "SIGSTOP");
	try {
		process.kill(streamer, "SIGKILL");
		const answer = await waitFor(() => stack.request("/events").then((reply) => reply.status === 503 && reply));

		assert.equal(answer.headers["retry-after"], "5");
		assert.equal(answer.json().error.code, "unavailable");
	} finally {
		process.kill(supervisor, "SIGCONT");
	}
	await waitFor(() => stack.request("/events").then((reply) => reply.status === 401));
});

test("no query string of a callback reaches a log of the web server", async () => {
	await stack.request("/oauth/callback?code=SENTINEL&state=SENTINEL");
	await waitFor(() => stack.log("access").includes("/oauth/callback"));
	assert.ok(!stack.log("access").includes("SENTINEL"));
	assert.ok(!stack.log("error").includes("SENTINEL"));
});

test("SIGTERM leaves nothing running and no socket; a start afterwards finds the data", async () => {
	await stack.psql("CREATE TABLE kept AS SELECT 42 AS answer");
	assert.equal(await stack.end(), 0);
	assert.deepEqual(stack.processes(), []);
	assert.deepEqual(readdirSync(path.join(stateDir, "run")), []);
	await assert.rejects(request(stack.url));
	const from = Date.now();

	await stack.start();
	console.log(`# started again in ${Date.now() - from} ms`);
	assert.equal(await stack.psql("SELECT answer FROM kept"), "42");
	await stack.psql("DROP TABLE kept");
});

test("a start copies the programs when something was built, as a whole, and else leaves them", async () => {
	const app = path.join(stateDir, "app");
	const worker = () => statSync(path.join(app, "bin/switchboard-worker")).ino;
	const stray = path.join(app, "share/switchboard/sql/999-of-another-version.sql");
	const first = worker();

	await stack.end();
	await stack.start();
	assert.equal(worker(), first);
	await stack.end();
	writeFileSync(stray, "SELECT 1;\n");
	utimesSync(path.join(app, ".complete"), 0, 0);
	await stack.start();
	assert.equal(existsSync(stray), false);
});

test("a database role gets its password again when its cluster is new", async () => {
	await stack.end();
	rmSync(path.join(stateDir, "postgres"), { recursive: true });
	await stack.start();
	assert.equal(await stack.psql("SELECT count(*) FROM token", { role: "worker" }), "0");
});

test("kill -9 of ./demo takes everything with it, and the next start recovers", async () => {
	const pids = stack.processes().map(({ pid }) => pid);

	await stack.end("SIGKILL");
	await waitFor(() => pids.filter(alive).length === 0, { timeoutMs: 30000, what: "children to go" });
	await stack.start();
	assert.equal((await stack.request("/healthz")).status, 200);
});

test("a start while the last one's children are still going waits for them", async () => {
	await stack.end("SIGKILL");
	await stack.start();
	assert.equal((await stack.request("/healthz")).status, 200);
});

test("an unreachable state directory: live parts elsewhere, same behaviour", { skip: process.getuid() !== 0 && "root only" },
	async () => {
		const closed = mkdtempSync(path.join(tmpdir(), "switchboard-demo-test-"));
		const other = await startStack({ stateDir: path.join(closed, "inner"), env: {} }).catch((error) => error);

		try {
			assert.ok(!(other instanceof Error), other.message);
			assert.match(other.output, /live parts are in/);
			assert.equal(await other.psql("SELECT 1"), "1");
			assert.ok(existsSync(path.join(closed, "inner", "log", "worker.log")));
		} finally {
			await other.end?.();
			other.clean?.();
			rmSync(closed, { recursive: true });
		}
	});

test("a port that is taken by something else than HTTP is refused as well", async () => {
	const server = net.createServer();

	await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
	const other = mkdtempSync(path.join(tmpdir(), "switchboard-demo-test-"));
	const { status } = await demo({ SWITCHBOARD_STATE_DIR: other, SWITCHBOARD_PORT: String(server.address().port) });

	assert.equal(status, 1);
	server.close();
	rmSync(other, { recursive: true });
});
