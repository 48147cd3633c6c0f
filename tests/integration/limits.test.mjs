// What nginx does by itself: limits per client, allowed methods, and error answers with a page of Switchboard's.
// 127.0.0.1 is not limited, so each test's clients are other addresses of 127.0.0.0/8.
import assert from "node:assert/strict";
import { readFileSync, renameSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { linkAccount, startStack, waitFor } from "../stack.mjs";

const PAGE_BURST = 200;
const SIGNIN_BURST = 20;
const STREAMS = 100;
const WEBHOOKS = 1000;

let stack;
let jar;

const from = (localAddress, where, options) => stack.request(where, { localAddress, ...options });

before(async () => {
	stack = await startStack();
	jar = await linkAccount(stack);
});

after(() => stack?.stop());

/** Assert that an answer is one of nginx' own error pages (or JSON), with all headers. */
function assertErrorPage(answer, status, { json = false, referrer } = {}) {
	assert.equal(answer.status, status, answer.text.slice(0, 200));
	assertHeaders(answer, { referrer });
	assert.equal(answer.headers["cache-control"], "no-store");
	assert.doesNotMatch(answer.text, /nginx|<!--#|\(none\)/);
	if (json) {
		assert.equal(answer.headers["content-type"], "application/json");
		assert.match(answer.json().error.message, /^[A-Z].*\.$/);
		return;
	}
	assert.equal(answer.headers["content-type"], "text/html; charset=utf-8");
	assert.match(answer.text, /<h1>[A-Z][^<]+<\/h1>\n<p>[A-Z][^<]+\.<\/p>/);
}

function assertLimited(answer, options) {
	assertErrorPage(answer, 429, options);
	assert.match(answer.headers["retry-after"], /^[1-9]\d*$/);
	if (options?.json)
		assert.equal(answer.json().error.code, "limit");
	else
		assert.match(answer.text, /Too many requests/);
}

function assertHeaders({ headers }, { referrer = "same-origin" } = {}) {
	assert.match(headers["content-security-policy"], /^default-src 'none'/);
	assert.match(headers["content-security-policy"], /frame-ancestors 'none'/);
	assert.equal(headers["x-content-type-options"], "nosniff");
	assert.equal(headers["referrer-policy"], referrer);
	assert.equal(headers["cross-origin-opener-policy"], "same-origin");
	assert.equal(headers["cross-origin-resource-policy"], "same-origin");
	assert.doesNotMatch(headers["cache-control"], /,.*no-store|no-store.*,/, "no-store is there once");
	assert.equal(headers.server, "nginx", "without its version");
	assert.equal(headers["strict-transport-security"], undefined, "is for https");
}

/** Assert 200; the message of a failure has the answer and the ends of the logs. */
function assertServed(answer) {
	if (answer.status !== 200)
		assert.fail([`${answer.status} ${answer.text.slice(0, 200)}`,
			...["webhook", "dashboard", "error"].map((name) => stack.log(name).slice(-1500))].join("\n"));
}

/**
 * Repeat a request until the answer is 429; returns that answer and how many passed before.  Five at a time: nginx
 * counts a connection for a moment after its answer, and signing in is limited to 10 connections.
 */
async function untilLimited(send) {
	let passed = 0;
	let limited;
	let left = 20000;
	const one = async () => {
		while (!limited && left-- > 0) {
			const answer = await send();

			if (answer.status !== 429)
				passed++;
			else
				limited ??= answer;
		}
	};

	await Promise.all(Array.from({ length: 5 }, one));
	assert.ok(limited, `${passed} requests and no limit`);
	return { passed, limited };
}

async function webhook(localAddress) {
	const body = JSON.stringify({ messageType: "PING", pingData: { challenge: "are you there" } });
	const { headers } = await stack.control("POST", "sign", { body });

	return from(localAddress, "/", { body, headers: { ...headers, "Content-Type": "application/json" } });
}

describe("limits of a client", () => {
	test("pages: beyond a burst 429, as a page or as JSON; other clients are served", async () => {
		const client = "127.0.1.1";
		const { passed, limited } = await untilLimited(() => from(client, "/no-such-page"));

		assert.ok(passed > PAGE_BURST, `${passed} passed`);
		assertLimited(limited);
		assertLimited((await untilLimited(() => from(client, "/api/switches"))).limited, { json: true });
		assertLimited((await untilLimited(() => from(client, "/logout", { form: {} }))).limited);
		assertLimited((await untilLimited(() => from(client, "/"))).limited);
		assertServed(await from("127.0.1.2", "/"));
		assertServed(await from(client, "/static/switchboard.css"));
	});

	test("webhooks are not limited by their number, nor by other requests of their address", async () => {
		const client = "127.0.1.3";

		await untilLimited(() => from(client, "/"));
		for (let round = 0; round < 5; round++) {
			const answers = await Promise.all(Array.from({ length: 100 }, () => webhook(client)));

			for (const answer of answers)
				assertServed(answer);
		}
	});

	test("signing in: beyond a burst 429, and pages are served", async () => {
		const client = "127.0.1.4";
		const { passed, limited } = await untilLimited(() => from(client, "/oauth/start"));

		assert.ok(passed > SIGNIN_BURST, `${passed} passed`);
		assertLimited(limited);
		assertLimited((await untilLimited(() => from(client, "/oauth/callback?state=x&code=y"))).limited);
		assertServed(await from(client, "/"));
		assert.equal((await from("127.0.1.5", "/oauth/start")).status, 302);
	});

	test("streams: a client may have 100, one more is refused until another ends", async () => {
		const client = "127.0.1.6";
		const open = (localAddress) => new Promise((resolve, reject) => {
			const call = http.get(`${stack.url}/events`, {
				agent: false, localAddress, headers: { Cookie: jar.header(stack.url), Accept: "text/event-stream" },
			}, (answer) => {
				answer.on("error", () => {});
				answer.resume();
				resolve({ status: answer.statusCode, close: () => call.destroy() });
			});

			call.on("error", reject);
		});
		const streams = await Promise.all(Array.from({ length: STREAMS }, () => open(client)));

		try {
			assert.deepEqual([...new Set(streams.map(({ status }) => status))], [200]);
			assertLimited(await from(client, "/events", { jar }), { json: true });
			assertServed(await from(client, "/", { jar }));
			const others = await open("127.0.1.7");

			streams.push(others);
			assert.equal(others.status, 200);
			streams.shift().close();
			await waitFor(async () => {
				const again = await open(client);

				streams.push(again);
				return again.status === 200;
			}, { what: "room for another stream" });
		} finally {
			for (const stream of streams)
				stream.close();
		}
	});

	test("webhooks that never end are limited per address, and the platform's are accepted", async () => {
		const client = "127.0.1.8";
		const head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n";
		const sockets = [];
		let answers = "";
		const send = () => new Promise((resolve, reject) => {
			const socket = net.connect({ port: stack.port, host: "127.0.0.1", localAddress: client }, () => socket.write(head, resolve));

			socket.on("data", (part) => (answers += part));
			socket.on("error", reject);
			sockets.push(socket);
		});

		try {
			// nginx closes each of them after 10 s, and then it does not count any more.
			while (!answers.includes(" 429 ") && sockets.length < 4 * WEBHOOKS)
				await Promise.all(Array.from({ length: 50 }, send));
			assert.match(answers, /^HTTP\/1\.1 429 [^]*\r\nRetry-After: \d+\r\n[^]*"code":"limit"/);
			assert.ok(sockets.length > WEBHOOKS, `${sockets.length} were open`);
			assertServed(await webhook("127.0.1.9"));
			assertServed(await from(client, "/"));
		} finally {
			for (const socket of sockets)
				socket.destroy();
		}
		await waitFor(async () => (await webhook(client)).status === 200, { what: "the address to be below the limit again" });
	});
});

describe("answers of nginx' own", () => {
	const cases = [
		["a webhook over 1 MB", 413, true, () => stack.request("/", { body: "x".repeat(1024 * 1024 + 1) })],
		["a form over 16 KB", 413, false, () => stack.request("/logout", { body: "x".repeat(16 * 1024 + 1) })],
		["a call of the API over 16 KB", 413, true, () => stack.request("/api/switches", { body: "x".repeat(16 * 1024 + 1) })],
		["a body with a stream", 413, true, () => stack.request("/events", { method: "GET", body: "x".repeat(1025) })],
		["a file that is not there", 404, false, () => stack.request("/static/none.css")],
		["a folder of files", 404, false, () => stack.request("/static/")],
		["an address with a broken escape", 400, false, () => stack.request("/%zz")],
		["an address of 20 KB", 414, false, () => stack.request(`/?${"x".repeat(20 * 1024)}`)],
		["a header of 20 KB", 400, false, () => stack.request("/", { headers: { "X-Long": "x".repeat(20 * 1024) } })],
		["a webhook of two lengths", 400, true, () => stack.request("/", { method: "POST", headers: { "Content-Length": ["1", "1"] } })],
		["metrics for another host", 403, true, () => from("127.0.1.10", "/metrics")],
		["a request for an error page itself", 404, false, () => stack.request("/error.html")],
	];

	for (const [name, status, json, send] of cases) {
		test(`${name}: ${status}, ${json ? "as JSON" : "as a page"}`, async () => {
			assertErrorPage(await send(), status, { json });
		});
	}

	test("every address answers other methods 405 with Allow", async () => {
		for (const [where, allow, json] of [
			["/", "GET, HEAD, POST", false],
			["/oauth/start", "GET", false],
			["/oauth/callback?state=x&code=y", "GET", false],
			["/events", "GET", true],
			["/healthz", "GET, HEAD", true],
			["/metrics", "GET, HEAD", true],
			["/static/switchboard.css", "GET, HEAD", false],
			["/logout", "POST", false],
			["/switches/a/main", "POST", false],
			["/api/switches/a/main", "POST", true],
			["/api/switches", "GET, HEAD, POST", true],
			["/api/history", "GET, HEAD", true],
			["/disconnect", "GET, HEAD, POST", false],
			["/sessions", "GET, HEAD", false],
			["/sessions/end", "POST", false],
			["/invitations", "POST", false],
			["/invitations/withdraw", "POST", false],
			["/join/x", "GET, HEAD, POST", false],
		]) {
			for (const method of ["PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", ...(allow.includes("GET") ? [] : ["GET"]),
				...(allow.includes("POST") ? [] : ["POST"])]) {
				const answer = await stack.request(where, { method });

				assertErrorPage(answer, 405, { json, referrer: where.startsWith("/join/") ? "no-referrer" : undefined });
				assert.equal(answer.headers.allow, allow, `${method} ${where}`);
			}
		}
		assertErrorPage(await stack.request("/", { method: "TRACE" }), 405);
		// The access log has the requested address, not that of the error page.
		for (const line of ["PUT / 405", "GET /logout 405", "PUT /oauth/callback 405", "PUT /api/switches 405"])
			await waitFor(() => stack.log("access").includes(` ${line} `), { what: `${line} in the access log` });
	});

	const REQUESTS = [["/", {}, false], ["/logout", { form: {} }, false], ["/oauth/start", {}, false], ["/", { body: "{}" }, true],
		["/api/switches", {}, true], ["/healthz", {}, true], ["/events", {}, true]];

	async function assertUnavailable(which) {
		const answers = await Promise.all(which.map(([where, options]) => stack.request(where, { ...options, timeoutMs: 40000 })));

		for (const [at, answer] of answers.entries()) {
			assertErrorPage(answer, 503, { json: which[at][2] });
			assert.equal(answer.headers["retry-after"], "5");
		}
	}

	test("while no program listens, all is 503 with Retry-After, as JSON for programs", async () => {
		const [, folder] = /unix:(.*)\/webhook\.sock/.exec(readFileSync(path.join(stack.stateDir, "etc/switchboard.conf"), "utf8"));
		const sockets = ["oauth", "webhook", "dashboard", "events"].map((name) => path.join(folder, `${name}.sock`));

		for (const socket of sockets)
			renameSync(socket, `${socket}.away`);
		try {
			await assertUnavailable(REQUESTS);
		} finally {
			for (const socket of sockets)
				renameSync(`${socket}.away`, socket);
		}
		assert.equal((await stack.request("/")).status, 200);
	});

	test("while a program does not answer in time, its addresses are 503 as well", async () => {
		const stopped = stack.pids("dashboard.fcgi");

		for (const pid of stopped)
			process.kill(pid, "SIGSTOP");
		try {
			await assertUnavailable(REQUESTS.filter(([where, { body }]) => body === undefined && !/oauth|events/.test(where)));
		} finally {
			for (const pid of stopped)
				process.kill(pid, "SIGCONT");
		}
		await waitFor(async () => (await stack.request("/")).status === 200);
	});
});

test("answers of the programs have the same headers, each once", async () => {
	for (const [where, options, status] of [["/", {}, 200], ["/", { jar }, 200], ["/api/switches", { jar }, 200],
		["/api/switches", {}, 401], ["/no-such-page", {}, 404], ["/oauth/start", {}, 302], ["/oauth/callback", {}, 400],
		["/events", {}, 401], ["/healthz", {}, 200], ["/metrics", {}, 200], ["/static/switchboard.js", {}, 200],
		["/static/switchboard.js?v=1", {}, 200], ["/", { body: "{}" }, 401]]) {
		const answer = await stack.request(where, options);

		assert.equal(answer.status, status, where);
		assertHeaders(answer);
	}
});
