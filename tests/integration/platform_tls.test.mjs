// The platform over TLS: which certificates are believed, and connections that die without a word.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { linkAccount, startStack, waitFor } from "../stack.mjs";
import { PROTOCOLS } from "../tls_front.mjs";
import { Installation, lamps } from "./installation.mjs";
import { startWorker } from "./worker_process.mjs";

const stacks = {};

before(async () => {
	for (const name of Object.keys(PROTOCOLS))
		stacks[name] = await startStack({ platform: name });
});

after(async () => {
	for (const stack of Object.values(stacks))
		await stack.stop();
});

/** The calls that sent commands, in order. */
async function commandCalls(stack) {
	const { log } = await stack.control("GET", "calls");

	return log.filter(({ path }) => path.endsWith("/commands"));
}

async function click(installation, devices, command) {
	const answers = await Promise.all(devices.map((device) => installation.click(device, { command })));

	assert.deepEqual(answers.map(({ status }) => status), devices.map(() => 202));
}

async function assertConfirmed(installation) {
	const rows = await installation.finished();

	assert.deepEqual(rows.map(({ status, error }) => error ?? status), rows.map(() => "confirmed"));
}

/** Call "fn" while the stack's own worker is stopped, with nothing in the middle of its work. */
async function withoutWorker(stack, fn) {
	const [worker] = stack.pids("switchboard-worker");
	const supervisor = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${worker}/status`, "utf8"))[1]);

	process.kill(supervisor, "SIGSTOP");
	try {
		process.kill(worker, "SIGTERM");
		await waitFor(() => stack.pids("switchboard-worker").length === 0, { timeoutMs: 60000, what: "the worker to end" });
		await fn();
	} finally {
		process.kill(supervisor, "SIGCONT");
	}
	await waitFor(() => stack.pids("switchboard-worker").length === 1, { timeoutMs: 60000, what: "the worker to be started again" });
}

for (const [what, env] of [
	["of an authority that is not the system's", () => ({ SWITCHBOARD_TEST_CA_FILE: undefined })],
	["of another name", (url) => ({ SWITCHBOARD_API_URL: `${url.replace("127.0.0.1", "localhost")}/v1` })],
]) {
	test(`to a platform with a certificate ${what} nothing is sent`, async () => {
		const stack = stacks.http2;
		const installation = await Installation.create(stack, lamps(1));
		const worker = await startWorker(stack, env(stack.front.url));

		try {
			await withoutWorker(stack, async () => {
				const connections = stack.front.relay.accepted;

				await click(installation, installation.devices, "on");
				await waitFor(() => /event=api\.call .*"POST \/devices\/\{id\}\/commands" status=0 .*err=unavailable/.test(worker.log),
					{ timeoutMs: 60000, what: "the call to fail" });
				assert.ok(stack.front.relay.accepted > connections, "it connected");
				assert.deepEqual((await commandCalls(stack)).filter(({ installedAppId }) => installedAppId === installation.id), []);
			});
		} finally {
			await worker.stop();
		}
		await installation.finished();
	});
}

/** Click until a call is made over a connection that made one before. */
async function untilReused(stack, installation) {
	const [device] = installation.devices;

	await waitFor(async () => {
		const before = new Set((await commandCalls(stack)).map(({ port }) => port));

		await click(installation, [device], "on");
		await assertConfirmed(installation);
		return before.has((await commandCalls(stack)).at(-1).port);
	}, { timeoutMs: 60000, intervalMs: 500, what: "connections to be used again" });
}

for (const [name, protocol] of Object.entries(PROTOCOLS)) {
	test(`all connections (${protocol}) die without a word: ten clicks at once, then one alone, are confirmed over new ones`, async () => {
		const stack = stacks[name];
		const installation = await Installation.create(stack, lamps(10));
		const workers = stack.pids("switchboard-worker");
		const dead = new Set();

		await click(installation, installation.devices, "on");
		await assertConfirmed(installation);
		for (const devices of [installation.devices, installation.devices.slice(0, 1)]) {
			await untilReused(stack, installation);
			const before = await commandCalls(stack);

			for (const { port } of before)
				dead.add(port);
			stack.front.blackhole();
			await click(installation, devices, "off");
			await assertConfirmed(installation);
			const since = (await commandCalls(stack)).slice(before.length);

			assert.ok(since.length >= devices.length);
			assert.deepEqual(since.filter(({ port }) => dead.has(port)), []);
		}
		const { log } = await stack.control("GET", "calls");

		assert.deepEqual([...new Set(log.map((call) => call.protocol))], [protocol]);
		assert.deepEqual(stack.pids("switchboard-worker"), workers, "the worker was not restarted");
	});
}

test("all connections die without a word: locations are linked at the first try", async () => {
	const stack = stacks.http2;
	const locations = [];

	// More than there are processes, so that each has made a connection.
	for (let i = 0; i < 6; i++)
		locations.push((await Installation.create(stack, lamps(1))).location);
	stack.front.blackhole();
	for (const location of locations)
		await linkAccount(stack, { location });
});
