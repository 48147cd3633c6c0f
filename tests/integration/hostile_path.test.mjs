// Requests whose path, method or framing two programs could read differently: each has one expected status.
import assert from "node:assert/strict";
import { test } from "node:test";
import { csrfToken } from "../stack.mjs";
import { attackStack } from "./hostile.mjs";

let token;
const target = attackStack({ prepare: async () => (token = await csrfToken(target.stack, target.alex)) });

/** The bytes of a request. */
const text = (line, headers = [], body = "") =>
	Buffer.from([line, "Host: x", "Connection: close", ...headers, "", body].join("\r\n"), "latin1");

/** The bytes of a webhook, signed for its own target or for "signedPath". */
function webhook(method, path, { line = `${method} ${path} HTTP/1.1`, signedPath = path, more = [] } = {}) {
	const body = target.fresh();
	const headers = Object.entries(target.sign(body, { method: method.toLowerCase(), target: signedPath }));

	return text(line, [...headers.map(([name, value]) => `${name}: ${value}`), "Content-Type: application/json",
		`Content-Length: ${body.length}`, ...more], body);
}

const cookie = () => `Cookie: ${target.alex.header(target.url)}`;

// ---- POST to paths that resemble the webhook's, with a valid signature for each ----

for (const [path, status] of [
	["/webhook/..", 404], ["/webhook", 404], ["/webhook/../", 404], ["//", 404], ["///", 404], ["/.", 404], ["/./", 404], ["/..", 400],
	["/../", 400], ["/%2e", 404], ["/%2e%2e", 400], ["/%2f", 404], ["/%2F", 404], ["/%00", 400], ["/x%00", 400], ["/%", 400], ["/%zz", 400],
	["/%c0%ae", 404], ["/%ff", 404], ["/;", 404], ["/;x", 404], ["/index.html", 404], ["/\\", 404], ["/..\\", 404], ["/*", 404],
	["/%20", 404], ["/%0d%0aX:%20y", 404], ["/x/%2e%2e", 404], ["/x/..%2f", 404], ["/x/../..", 400], ["/static/..", 404], ["/%252e%252e", 404],
	["/webhook.fcgi", 404], ["/cgi-bin/webhook.fcgi", 404], ["/.git/config", 404], ["/.env", 404],
]) {
	target.survives(`POST ${path}, signed for that path: ${status}`, async () => {
		const answer = await target.raw(webhook("POST", path));

		assert.equal(answer.status, status, answer.headers);
		assert.doesNotMatch(answer.headers, /^(X:|Set-Cookie)/mi);
	});
}

for (const [path, status] of [["/?", 401], ["/?x=1", 401], ["/?x=%00", 401], ["/?../", 401], ["/#x", 404]]) {
	target.survives(`POST ${path} under a signature for /: ${status}`, async () => {
		const answer = await target.raw(webhook("POST", path, { signedPath: "/" }));

		assert.equal(answer.status, status);
	});
}

// ---- methods ----

for (const [method, path, status, allow] of [
	["PUT", "/", 405, "GET, HEAD, POST"], ["DELETE", "/", 405, "GET, HEAD, POST"], ["PATCH", "/", 405, "GET, HEAD, POST"],
	["OPTIONS", "/", 405, "GET, HEAD, POST"], ["PROPFIND", "/", 405, "GET, HEAD, POST"], ["MKCOL", "/", 405, "GET, HEAD, POST"],
	["BREW", "/", 405, "GET, HEAD, POST"], ["POSTS", "/", 405, "GET, HEAD, POST"], ["TRACE", "/", 405], ["CONNECT", "/", 405],
	["post", "/", 400], ["Post", "/", 400], ["P\0ST", "/", 400], ["GET", "/logout", 405, "POST"], ["HEAD", "/disconnect", 200],
	["GET", "/switches", 405, "POST"], ["PUT", "/api/switches", 405, "GET, HEAD, POST"], ["DELETE", "/api/switches", 405, "GET, HEAD, POST"],
	["POST", "/api/history", 405, "GET, HEAD"], ["POST", "/events", 405, "GET"], ["HEAD", "/events", 405, "GET"],
	["POST", "/oauth/start", 405, "GET"], ["HEAD", "/oauth/callback", 405, "GET"], ["POST", "/healthz", 405, "GET, HEAD"],
	["DELETE", "/static/switchboard.css", 405, "GET, HEAD"], ["PUT", "/static/x", 405, "GET, HEAD"],
]) {
	target.survives(`${JSON.stringify(method)} ${path}: ${status}`, async () => {
		const answer = await target.raw(text(`${method} ${path} HTTP/1.1`, [cookie(), `X-CSRF-Token: ${token}`, "Content-Length: 0"]));

		assert.equal(answer.status, status, answer.headers);
		if (allow !== undefined)
			assert.equal(/^Allow: (.*)\r$/mi.exec(`${answer.headers}\r\n`)?.[1], allow);
		if (method === "HEAD" || method === "TRACE")
			assert.doesNotMatch(answer.text, /session=|csrf/);
	});
}

target.survives("headers that override the method are ignored", async () => {
	for (const header of ["X-HTTP-Method-Override: POST", "X-HTTP-Method: POST", "X-Method-Override: POST"]) {
		const answer = await target.raw(text("GET /logout?_method=POST HTTP/1.1", [cookie(), `X-CSRF-Token: ${token}`, header]));

		assert.equal(answer.status, 405);
	}
});

// ---- versions and targets ----

for (const [line, status] of [
	["GET / HTTP/1.0", 200], ["GET /api/switches HTTP/1.0", 200], ["GET /", 0], ["GET / HTTP/0.9", 400], ["GET / HTTP/1.2", 200],
	["GET / HTTP/2.0", 505], ["GET / HTTP/3.0", 505], ["GET / http/1.1", 400], ["GET / HTTP/1.1 x", 400], ["GET  HTTP/1.1", 400],
	["GET x HTTP/1.1", 400], ["GET * HTTP/1.1", 400], ["OPTIONS * HTTP/1.1", 400], ["GET http://evil.example/ HTTP/1.1", 200],
	["GET http://evil.example/api/switches HTTP/1.1", 200], ["GET http:// HTTP/1.1", 400],
	["GET ftp://evil.example/ HTTP/1.1", 200], ["CONNECT evil.example:443 HTTP/1.1", 400], ["GET /\t HTTP/1.1", 400],
	["GET /a b HTTP/1.1", 400], ["GET /static/../api/switches HTTP/1.1", 404], ["GET /static/%2e%2e/%2e%2e/etc/passwd HTTP/1.1", 400],
	["GET /static/..%2f..%2fetc/passwd HTTP/1.1", 400], ["GET /static../nginx.conf HTTP/1.1", 404], ["GET /static/%00 HTTP/1.1", 400],
	["GET /static/ HTTP/1.1", 404], ["GET /static//etc/passwd HTTP/1.1", 404], ["GET /static/.. HTTP/1.1", 404],
	["GET /away.html HTTP/1.1", 404], ["GET /error.html HTTP/1.1", 404], ["GET /API/switches HTTP/1.1", 404],
	["GET /api//switches HTTP/1.1", 404], ["GET //api/switches HTTP/1.1", 404], ["GET /api/./switches HTTP/1.1", 404],
	["GET /api/x/../switches HTTP/1.1", 404], ["GET /api/switches/ HTTP/1.1", 405], ["GET /api/switches%20 HTTP/1.1", 404],
	["GET /api/switches%00 HTTP/1.1", 400], ["GET /api/switches;x HTTP/1.1", 404], ["GET /api/switches.json HTTP/1.1", 404],
	["GET /%61pi/switches HTTP/1.1", 404], ["GET /events/ HTTP/1.1", 404], ["GET //events HTTP/1.1", 404],
	["GET /x/../events HTTP/1.1", 404], ["GET /oauth HTTP/1.1", 404], ["GET /oauth/ HTTP/1.1", 404],
	["GET /oauth//start HTTP/1.1", 404], ["GET /oauth/x/../start HTTP/1.1", 404], ["GET /oauth/%73tart HTTP/1.1", 404],
	["GET /oauth/start/ HTTP/1.1", 404], ["GET /metrics/ HTTP/1.1", 404], ["GET /x/../metrics HTTP/1.1", 404],
]) {
	target.survives(`${JSON.stringify(line)}: ${status || "no status line"}`, async () => {
		const answer = await target.raw(text(line, [cookie()]));

		assert.equal(answer.status, status, answer.headers);
		assert.doesNotMatch(answer.text, /root:x:0|evil\.example/);
		assert.doesNotMatch(answer.headers, /evil\.example/);
	});
}

// ---- headers and framing ----

const SIGNED_OUT = "GET /api/switches HTTP/1.1";

for (const [name, bytes, status] of [
	["no Host", () => Buffer.from("GET / HTTP/1.1\r\nConnection: close\r\n\r\n"), 400],
	["two Hosts", () => text("GET / HTTP/1.1", ["Host: y"]), 400],
	["a Host with a path", () => Buffer.from("GET / HTTP/1.1\r\nHost: a/b\r\nConnection: close\r\n\r\n"), 400],
	["a Host with a NUL", () => Buffer.from("GET / HTTP/1.1\r\nHost: a\0b\r\nConnection: close\r\n\r\n"), 400],
	["a header with a NUL", () => text("GET / HTTP/1.1", ["X: a\0b"]), 400],
	["a header with no colon", () => text(SIGNED_OUT, ["X-CSRF-Token", "Y: z"]), 401],
	["a header of 20 KB", () => text("GET / HTTP/1.1", [`X: ${"y".repeat(20000)}`]), 400],
	["headers of 100 KB", () => text("GET / HTTP/1.1", Array.from({ length: 10 }, (_, i) => `X-${i}: ${"y".repeat(10000)}`)), 400],
	["an address of 20 KB", () => text(`GET /${"a".repeat(20000)} HTTP/1.1`), 414],
	["two lengths", () => text("POST / HTTP/1.1", ["Content-Length: 1", "Content-Length: 2"], "{}"), 400],
	["a length below zero", () => text("POST / HTTP/1.1", ["Content-Length: -1"], "{}"), 400],
	["a length with a plus", () => text("POST / HTTP/1.1", ["Content-Length: +2"], "{}"), 400],
	["a length in hexadecimal", () => text("POST / HTTP/1.1", ["Content-Length: 0x2"], "{}"), 400],
	["a length of 30 digits", () => text("POST / HTTP/1.1", [`Content-Length: ${"9".repeat(30)}`], "{}"), 400],
	["a length and chunks", () => text("POST / HTTP/1.1", ["Content-Length: 5", "Transfer-Encoding: chunked"], "0\r\n\r\n"), 400],
	["chunks of an unknown coding", () => text("POST / HTTP/1.1", ["Transfer-Encoding: xchunked"], "0\r\n\r\n"), 501],
	["chunks twice", () => text("POST / HTTP/1.1", ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], "0\r\n\r\n"), 400],
	["a chunk of no number", () => text("POST / HTTP/1.1", ["Transfer-Encoding: chunked"], "xyz\r\n{}\r\n0\r\n\r\n"), 400],
	["a chunk of 2^64 bytes", () => text("POST / HTTP/1.1", ["Transfer-Encoding: chunked"], "ffffffffffffffff1\r\n{}\r\n0\r\n\r\n"), 400],
	["an expectation of rubbish", () => text("POST / HTTP/1.1", ["Expect: 200-maybe", "Content-Length: 2"], "{}"), 401],
	["TLS on the plain port", () => Buffer.from("160301020001fc0303", "hex"), 400],
	["HTTP/2 on the plain port", () => Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 400],
	["noise", () => Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * 7919 + 128) & 255)), 400],
]) {
	target.survives(`${name}: ${status || "no answer"}`, async () => {
		const answer = await target.raw(bytes());

		assert.equal(answer.status, status, answer.headers);
	});
}

target.survives("a second request hidden in the body of a first is not answered", async () => {
	const inner = `GET /api/switches HTTP/1.1\r\nHost: x\r\n${cookie()}\r\n\r\n`;
	const answer = await target.raw(text("POST /logout HTTP/1.1", ["Content-Type: text/plain", `Content-Length: ${inner.length}`], inner));

	assert.equal(answer.status, 401);
	assert.doesNotMatch(answer.text, /HTTP\/1\.1|cursor/);
});

target.survives("Proxy, Forwarded and gateway headers of a client are ignored", async () => {
	const answer = await target.raw(text(SIGNED_OUT, ["Proxy: http://evil.example/", "Remote-User: alex", "X-Original-URL: /metrics",
		"X-Rewrite-URL: /metrics", "X-Forwarded-Host: evil.example", "Forwarded: host=evil.example", "HTTP_COOKIE: x", "Request-Method: POST"]));

	assert.equal(answer.status, 401);
	/* Under another name than the public URL's it would go there first. */
	const start = await target.raw(Buffer.from(["GET /oauth/start HTTP/1.1", `Host: ${new URL(target.url).host}`, "Connection: close",
		"X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https", "", ""].join("\r\n"), "latin1"));

	assert.equal(start.status, 302);
	assert.match(start.headers, /\/oauth\/authorize\?/);
	assert.doesNotMatch(start.headers, /evil/);
	assert.doesNotMatch(start.headers, /Secure/);
}, { changes: ["oauth_state"] });

test("no program was restarted, and none logged a failure", () => target.assertUnharmed());
