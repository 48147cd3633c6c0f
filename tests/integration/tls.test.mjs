// The shipped TLS configuration, with a certificate made for the test, in front of the programs of a stack.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http2 from "node:http2";
import https from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import tls from "node:tls";
import { promisify } from "node:util";
import { ChildProcess, userIdOf } from "../processes.mjs";
import { freePorts, request, startStack, top, waitFor } from "../stack.mjs";

const run = promisify(execFile);
const NAME = "switchboard.test";
const HSTS = "max-age=31536000";
// OpenSSL's default security level does not even offer TLS 1.0 and 1.1.
const OLD = "DEFAULT:@SECLEVEL=0";

let stack;
let folder;
let ca;
let web;
let port;
let plainPort;

const template = (name) => readFileSync(path.join(top, "nginx", name), "utf8");

/** The template filled in as README.md says, and for this test a header that names the client's address. */
async function configure() {
	const filled = readFileSync(path.join(stack.stateDir, "etc/switchboard.conf"), "utf8");
	const [, sockets] = /unix:(.*)\/webhook\.sock/.exec(filled);
	const [, files] = /alias (.*)\/error\.html;/.exec(filled);
	const values = {
		LISTEN: `127.0.0.1:${port} ssl http2`, TLS_LISTEN6: `[::1]:${port} ssl http2`, HTTP_LISTEN: `127.0.0.1:${plainPort}`,
		HTTP_LISTEN6: `[::1]:${plainPort}`,
		SERVER_NAME: NAME, SOCKET_DIR: sockets, STATIC_DIR: files, LOG_DIR: folder, WORK_DIR: folder,
		CERTIFICATE: `${folder}/certificate.pem`, CERTIFICATE_KEY: `${folder}/key.pem`, SERVER: `${folder}/switchboard.conf`,
	};
	const fill = (text) => text.replace(/@(\w+)@/g, (whole, name) => values[name] ?? whole);

	writeFileSync(path.join(folder, "switchboard.conf"), fill(template("switchboard.conf.in").replace(/^(\s*)#tls ?/gm, "$1")));
	writeFileSync(path.join(folder, "nginx.conf"), fill(template("demo.conf.in"))
		.replace("http {", "http {\n\tset_real_ip_from 127.0.0.1;\n\treal_ip_header X-Test-Client;"));
}

async function startWeb() {
	for (let attempt = 1; ; attempt++) {
		[port, plainPort] = await freePorts();
		await configure();
		web = new ChildProcess(["/usr/sbin/nginx", "-p", `${folder}/`, "-e", `${folder}/error.log`, "-c", `${folder}/nginx.conf`],
			{ user: "switchboard", end: "TERM", log: path.join(folder, "nginx.log") });
		let ended = false;

		web.ended.then(() => (ended = true));
		await waitFor(async () => ended || (await get("/static/switchboard.css")).status === 200, { what: "the web server" });
		if (!ended)
			return;
		// Another process took a port after freePorts() had tried it.
		assert.ok(attempt < 3, readFileSync(path.join(folder, "error.log"), "utf8"));
	}
}

before(async () => {
	stack = await startStack({ env: { SWITCHBOARD_PUBLIC_URL: `https://${NAME}` } });
	folder = mkdtempSync(path.join(tmpdir(), "switchboard-tls-"));
	chmodSync(folder, 0o755);
	await run("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
		"-subj", `/CN=${NAME}`, "-addext", `subjectAltName=DNS:${NAME}`,
		"-keyout", `${folder}/key.pem`, "-out", `${folder}/certificate.pem`]);
	ca = readFileSync(path.join(folder, "certificate.pem"));
	if (process.getuid() === 0)
		for (const name of ["", "key.pem"])
			chownSync(path.join(folder, name), await userIdOf("switchboard"), -1);
	await startWeb();
});

after(async () => {
	await web?.kill("SIGTERM");
	await stack?.stop();
	if (folder)
		rmSync(folder, { recursive: true, force: true });
});

/** GET by HTTP/1.1. */
function get(where, headers = {}) {
	return new Promise((resolve, reject) => {
		https.get({ host: "127.0.0.1", port, path: where, ca, servername: NAME, agent: false,
			headers: { Host: NAME, ...headers } }, (answer) => {
			answer.on("error", reject);
			answer.resume();
			answer.on("end", () => resolve({ status: answer.statusCode, headers: answer.headers }));
		}).on("error", reject);
	});
}

/** The result of a handshake: { protocol, cipher, alpn } or { error }. */
function handshake(options, where = port) {
	return new Promise((resolve) => {
		const socket = tls.connect({ host: "127.0.0.1", port: where, ca, servername: NAME, ...options }, () => {
			resolve({ protocol: socket.getProtocol(), cipher: socket.getCipher().name, alpn: socket.alpnProtocol });
			socket.destroy();
		});

		socket.on("error", (error) => resolve({ error: error.code }));
	});
}

const only = (version, more) => ({ minVersion: version, maxVersion: version, ...more });

test("TLS 1.1 and older are refused, 1.2 and 1.3 accepted", async () => {
	const old = tls.createServer({ key: readFileSync(`${folder}/key.pem`), cert: ca, minVersion: "TLSv1", ciphers: OLD });

	await new Promise((resolve) => old.listen(0, "127.0.0.1", resolve));
	try {
		for (const version of ["TLSv1", "TLSv1.1"]) {
			// This client can use the old version: another server accepts it.
			assert.equal((await handshake(only(version, { ciphers: OLD }), old.address().port)).protocol, version);
			assert.match((await handshake(only(version, { ciphers: OLD }))).error, /ALERT_PROTOCOL_VERSION/);
		}
	} finally {
		old.close();
	}
	assert.equal((await handshake(only("TLSv1.2"))).protocol, "TLSv1.2");
	assert.equal((await handshake(only("TLSv1.3"))).protocol, "TLSv1.3");
});

test("TLS 1.2 has only ciphers with forward secrecy and authenticated encryption", async () => {
	for (const ciphers of ["AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA384",
		"ECDHE-ECDSA-AES128-CCM"])
		assert.match((await handshake(only("TLSv1.2", { ciphers: `${ciphers}:@SECLEVEL=0` }))).error, /HANDSHAKE_FAILURE/, ciphers);
	for (const cipher of ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"])
		assert.equal((await handshake(only("TLSv1.2", { ciphers: cipher }))).cipher, cipher);
});

test("HTTP/2 is negotiated by ALPN, clients without it get HTTP/1.1", async () => {
	assert.equal((await handshake({ ALPNProtocols: ["h2", "http/1.1"] })).alpn, "h2");
	assert.equal((await handshake({ ALPNProtocols: ["http/1.1"] })).alpn, "http/1.1");
	const session = http2.connect(`https://127.0.0.1:${port}`, { ca, servername: NAME });
	const ask = (headers) => new Promise((resolve, reject) => {
		const stream = session.request({ ":authority": NAME, ...headers });

		stream.on("response", resolve);
		stream.on("error", reject);
		stream.resume();
	});

	try {
		const start = await ask({ ":path": "/oauth/start" });

		assert.equal(start[":status"], 302);
		assert.equal(start["strict-transport-security"], HSTS);
		assert.match(start["set-cookie"][0], /^__Host-.*; Secure/);
		assert.equal((await ask({ ":path": "/" }))[":status"], 200);
		assert.equal((await ask({ ":path": "/events" }))[":status"], 401);
		assert.equal((await ask({ ":path": "/", ":method": "PUT" }))[":status"], 405);
	} finally {
		session.destroy();
	}
});

test("HSTS is in every answer, once", async () => {
	for (const where of ["/", "/oauth/start", "/oauth/callback", "/api/switches", "/events", "/healthz", "/no-such-page",
		"/static/switchboard.css", "/static/none.css", "/%zz", `/?${"x".repeat(20000)}`])
		assert.equal((await get(where)).headers["strict-transport-security"], HSTS, where);
});

test("http is redirected to https with the configured name, whatever the Host", async () => {
	for (const Host of [NAME, "elsewhere.example", `${NAME}:${plainPort}`]) {
		const answer = await request(`http://127.0.0.1:${plainPort}/disconnect?a=%2F`, { headers: { Host } });

		assert.equal(answer.status, 301);
		assert.equal(answer.headers.location, `https://${NAME}/disconnect?a=%2F`);
		assert.equal(answer.headers.server, "nginx");
	}
	assert.equal((await request(`http://127.0.0.1:${plainPort}/.well-known/acme-challenge/none`)).status, 404);
});

test("http on the port of https gets a page of Switchboard's", async () => {
	const answer = await request(`http://127.0.0.1:${port}/`);

	assert.equal(answer.status, 400);
	assert.match(answer.text, /<h1>Not understood<\/h1>/);
});

test("limits count each IPv4 address and each IPv6 network of 64 bits as one client", async () => {
	const statuses = async (addresses) => {
		const all = await Promise.all(addresses.map((address) => get("/oauth/start", { "X-Test-Client": address })));

		return all.map(({ status }) => status);
	};
	const many = (pattern) => Array.from({ length: 80 }, (_, at) => pattern.replace("N", (at + 1).toString(10)));

	// The limit is one a second with a burst of twenty: eighty at once exceed it.
	assert.ok((await statuses(many("2001:db8:1:2::N"))).includes(429));
	for (const pattern of ["2001:db8:N::1", "::ffff:198.51.100.N", "203.0.113.N"])
		assert.deepEqual([...new Set(await statuses(many(pattern)))], [302], pattern);
	assert.ok((await statuses(many("::ffff:192.0.2.1"))).includes(429));
});
