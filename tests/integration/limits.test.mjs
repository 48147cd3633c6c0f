// What nginx does by itself: limits per client, methods, and answers that are never its bare page.
// Nobody limits 127.0.0.1, so clients here are other addresses of 127.0.0.0/8, each test its own.
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

/** Nothing of a client's or a program's is in an answer of nginx' own, and all of the headers are. */
function assertOwn(answer, status, { json = false } = {}) {
	assert.equal(answer.status, status, answer.text.slice(0, 200));
	assertHeaders(answer);
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
	assertOwn(answer, 429, options);
	assert.match(answer.headers["retry-after"], /^[1-9]\d*$/);
	if (options?.json)
		assert.equal(answer.json().error.code, "limit");
	else
		assert.match(answer.text, /Too many requests/);
}

function assertHeaders({ headers }) {
	assert.match(headers["content-security-policy"], /^default-src 'none'/);
	assert.match(headers["content-security-policy"], /frame-ancestors 'none'/);
	assert.equal(headers["x-content-type-options"], "nosniff");
	assert.equal(headers["referrer-policy"], "same-origin");
	assert.equal(headers["cross-origin-opener-policy"], "same-origin");
	assert.equal(headers["cross-origin-resource-policy"], "same-origin");
	assert.doesNotMatch(headers["cache-control"], /,.*no-store|no-store.*,/, "said once");
	assert.equal(headers.server, "nginx", "without its version");
	assert.equal(headers["strict-transport-security"], undefined, "is for https");
}

/** 200; what a failure shows is what the client was told and what the programs and the web server say. */
function assertServed(answer) {
	if (answer.status !== 200)
		assert.fail([`${answer.status} ${answer.text.slice(0, 200)}`,
			...["webhook", "dashboard", "error"].map((name) => stack.log(name).slice(-1500))].join("\n"));
}

/**
 * Ask until the answer is 429: that one, and how many were let through before.  Few at a time: nginx counts a
 * connection that it has answered until it comes to tidy it up, and signing in is limited to 10 of them.
 */
async function untilLimited(ask) {
	let passed = 0;
	let limited;
	let left = 20000;
	const one = async () => {
		while (!limited && left-- > 0) {
			const answer = await ask();

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
	test("pages: beyond a burst 429, as a page or as JSON; others are served", async () => {
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

	test("webhooks are not limited by what else their address does, nor by how many they are", async () => {
		const client = "127.0.1.3";

		await untilLimited(() => from(client, "/"));
		for (let round = 0; round < 5; round++) {
			const answers = await Promise.all(Array.from({ length: 100 }, () => webhook(client)));

			for (const answer of answers)
				assertServed(answer);
		}
	});

	test("signing in: beyond a burst 429, and the page goes on", async () => {
		const client = "127.0.1.4";
		const { passed, limited } = await untilLimited(() => from(client, "/oauth/start"));

		assert.ok(passed > SIGNIN_BURST, `${passed} passed`);
		assertLimited(limited);
		assertLimited((await untilLimited(() => from(client, "/oauth/callback?state=x&code=y"))).limited);
		assertServed(await from(client, "/"));
		assert.equal((await from("127.0.1.5", "/oauth/start")).status, 302);
	});

	test("streams: room for a household's, one more is refused until another ends", async () => {
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

	test("webhooks that never end: an address has its share of them, and the platform is heard", async () => {
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
			// Those that nginx has given up meanwhile, after 10 s, count no more.
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
		await waitFor(async () => (await webhook(client)).status === 200, { what: "the address to be free again" });
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
		["a page of nginx' own, asked for", 404, false, () => stack.request("/error.html")],
	];

	for (const [name, status, json, ask] of cases) {
		test(`${name}: ${status}, ${json ? "as JSON" : "as a page"}`, async () => {
			assertOwn(await ask(), status, { json });
		});
	}

	test("every address names its methods to those who use another", async () => {
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
		]) {
			for (const method of ["PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", ...(allow.includes("GET") ? [] : ["GET"]),
				...(allow.includes("POST") ? [] : ["POST"])]) {
				const answer = await stack.request(where, { method });

				assertOwn(answer, 405, { json });
				assert.equal(answer.headers.allow, allow, `${method} ${where}`);
			}
		}
		assertOwn(await stack.request("/", { method: "TRACE" }), 405);
		// The log says what was asked, not which page tells of the error.
		for (const line of ["PUT / 405", "GET /logout 405", "PUT /oauth/callback 405", "PUT /api/switches 405"])
			await waitFor(() => stack.log("access").includes(` ${line} `), { what: `${line} in the access log` });
	});

	const AWAY = [["/", {}, false], ["/logout", { form: {} }, false], ["/oauth/start", {}, false], ["/", { body: "{}" }, true],
		["/api/switches", {}, true], ["/healthz", {}, true], ["/events", {}, true]];

	async function assertAway(which) {
		const answers = await Promise.all(which.map(([where, options]) => stack.request(where, { ...options, timeoutMs: 40000 })));

		for (const [at, answer] of answers.entries()) {
			assertOwn(answer, 503, { json: which[at][2] });
			assert.equal(answer.headers["retry-after"], "5");
		}
	}

	test("no program listens: 503 with Retry-After, as JSON for programs", async () => {
		const [, folder] = /unix:(.*)\/webhook\.sock/.exec(readFileSync(path.join(stack.stateDir, "etc/switchboard.conf"), "utf8"));
		const sockets = ["oauth", "webhook", "dashboard", "events"].map((name) => path.join(folder, `${name}.sock`));

		for (const socket of sockets)
			renameSync(socket, `${socket}.away`);
		try {
			await assertAway(AWAY);
		} finally {
			for (const socket of sockets)
				renameSync(`${socket}.away`, socket);
		}
		assert.equal((await stack.request("/")).status, 200);
	});

	test("a program does not answer in time: the same", async () => {
		const asleep = stack.pids("dashboard.fcgi");

		for (const pid of asleep)
			process.kill(pid, "SIGSTOP");
		try {
			await assertAway(AWAY.filter(([where, { body }]) => body === undefined && !/oauth|events/.test(where)));
		} finally {
			for (const pid of asleep)
				process.kill(pid, "SIGCONT");
		}
		await waitFor(async () => (await stack.request("/")).status === 200);
	});
});

test("what programs answer has the same headers, each once", async () => {
	for (const [where, options, status] of [["/", {}, 200], ["/", { jar }, 200], ["/api/switches", { jar }, 200],
		["/api/switches", {}, 401], ["/no-such-page", {}, 404], ["/oauth/start", {}, 302], ["/oauth/callback", {}, 400],
		["/events", {}, 401], ["/healthz", {}, 200], ["/metrics", {}, 200], ["/static/switchboard.js", {}, 200],
		["/static/switchboard.js?v=1", {}, 200], ["/", { body: "{}" }, 401]]) {
		const answer = await stack.request(where, options);

		assert.equal(answer.status, status, where);
		assertHeaders(answer);
	}
});
