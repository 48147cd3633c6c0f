// Confirmations with another address than the platform's: 400, and no request is made.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, test } from "node:test";
import { waitFor } from "../stack.mjs";
import { attackStack } from "./hostile.mjs";
import { eventBody, timeUuid } from "./key_server.mjs";

const APP = "5f0c1f5e-6f0e-4a37-9d3b-0a1e5b7c1d11";
const INSTALLATION = randomUUID();

/** A server that records the targets of its requests. */
function recordingServer(answer) {
	const server = createServer((request, response) => {
		server.requests.push(request.url);
		answer(request, response);
	});

	server.requests = [];
	return server;
}

// The platform: it confirms, or redirects to an address that must not be followed.
const platform = recordingServer((request, response) => {
	const to = new URLSearchParams(request.url.split("?")[1]).get("to");

	response.writeHead(to === null ? 200 : 302, to === null ? {} : { Location: to });
	response.end(JSON.stringify({ targetUrl: "x" }));
});
const otherServer = recordingServer((request, response) => response.end("{}"));
const addressOf = (server) => `127.0.0.1:${server.address().port}`;

const target = attackStack({
	link: false,
	env: async () => {
		for (const server of [platform, otherServer]) {
			server.listen(0, "127.0.0.1");
			await once(server, "listening");
		}
		return {
			SWITCHBOARD_API_URL: `http://${addressOf(platform)}/v1`, SWITCHBOARD_APP_ID: APP,
			SWITCHBOARD_CLIENT_ID: randomUUID(), SWITCHBOARD_CLIENT_SECRET: "not-a-real-secret",
		};
	},
	prepare: () => target.stack.psql(`WITH person AS (INSERT INTO user_account DEFAULT VALUES RETURNING user_id)
		INSERT INTO installation (installation_id, user_id, status, synced_at) SELECT '${INSTALLATION}', user_id, 'active', now() FROM person`),
});

after(() => {
	platform.close();
	otherServer.close();
});

target.good = async () => {
	const body = eventBody(INSTALLATION, [{ eventType: "TIMER_EVENT", eventTime: new Date().toISOString(), timerEvent: { eventId: timeUuid(Date.now()) } }]);

	assert.equal((await target.signed(body)).status, 200, "a good event");
	return ["event"];
};

const confirm = (confirmationUrl, more = {}) => target.signed(JSON.stringify({
	messageType: "CONFIRMATION", confirmationData: { appId: APP, confirmationUrl, ...more },
}));

// "HOST", "PORT" and "APP" stand for the platform's, "OTHER" for another server that listens.
const path = "/v1/apps/APP/confirm-registration?token=x";
const ADDRESSES = {
	"another host": `http://evil.example${path}`,
	"another host that listens": `http://OTHER${path}`,
	"another name of the same host": `http://localhost:PORT${path}`,
	"another address of the same host": `http://127.0.0.2:PORT${path}`,
	"the host in a longer name": `http://HOST.evil.example:PORT${path}`,
	"the host with a dot behind it": `http://HOST.:PORT${path}`,
	"the host as a number": `http://2130706433:PORT${path}`,
	"the host as a number in octal": `http://017700000001:PORT${path}`,
	"the host as a number in hexadecimal": `http://0x7f000001:PORT${path}`,
	"the host in octal parts": `http://0177.0.0.01:PORT${path}`,
	"the host in hexadecimal parts": `http://0x7f.0x0.0x0.0x1:PORT${path}`,
	"the host in two parts": `http://127.1:PORT${path}`,
	"the host with zeros": `http://127.000.000.001:PORT${path}`,
	"no host but zero": `http://0:PORT${path}`,
	"no host but four zeros": `http://0.0.0.0:PORT${path}`,
	"no host": `http://:PORT${path}`,
	"no host and no port": `http://${path}`,
	"the host by IPv6": `http://[::1]:PORT${path}`,
	"the host by IPv6, mapped": `http://[::ffff:127.0.0.1]:PORT${path}`,
	"the host by IPv6, mapped in hexadecimal": `http://[::ffff:7f00:1]:PORT${path}`,
	"the host by IPv6 with a zone": `http://[::1%25lo]:PORT${path}`,
	"the host in brackets": `http://[HOST]:PORT${path}`,
	"an open bracket": `http://[::1:PORT${path}`,
	"the cloud's own address": `http://169.254.169.254${path}`,
	"the host in escapes": `http://%31%32%37.0.0.1:PORT${path}`,
	"the host in wide digits": `http://１２７.0.0.1:PORT${path}`,
	"the host with wide dots": `http://127。0。0。1:PORT${path}`,
	"no port": `http://HOST${path}`,
	"an empty port": `http://HOST:${path}`,
	"port 0": `http://HOST:0${path}`,
	"another port": `http://HOST:1${path}`,
	"the port with a zero before it": `http://HOST:0PORT${path}`,
	"the port and 65536": `http://HOST:PORT65536${path}`,
	"a port of letters": `http://HOST:http${path}`,
	"two ports": `http://HOST:PORT:80${path}`,
	"https": `https://HOST:PORT${path}`,
	"ftp": `ftp://HOST:PORT${path}`,
	"gopher": `gopher://HOST:PORT${path}`,
	"a file": "file:///etc/passwd",
	"a file of the host": `file://HOST:PORT${path}`,
	"javascript": "javascript:alert(1)",
	"data": "data:application/json,{}",
	"no scheme": `//HOST:PORT${path}`,
	"a path alone": path,
	"one slash": `http:/HOST:PORT${path}`,
	"three slashes": `http:///HOST:PORT${path}`,
	"backslashes": `http:\\\\HOST:PORT${path}`,
	"a user": `http://user@HOST:PORT${path}`,
	"a user and a password": `http://user:password@HOST:PORT${path}`,
	"an empty user": `http://@HOST:PORT${path}`,
	"the platform as a user": `http://HOST:PORT@OTHER${path}`,
	"the platform as a user in escapes": `http://HOST:PORT%40OTHER${path}`,
	"the platform before a backslash": `http://HOST:PORT\\@OTHER${path}`,
	"the platform behind a backslash": `http://OTHER\\@HOST:PORT${path}`,
	"the platform before a fragment": `http://OTHER#@HOST:PORT${path}`,
	"a fragment": `http://HOST:PORT${path}#x`,
	"a blank before it": ` http://HOST:PORT${path}`,
	"a blank behind it": `http://HOST:PORT${path} `,
	"a blank in it": `http://HOST:PORT/v1/apps/APP/x y`,
	"a tab in the host": `http://HO\tST:PORT${path}`,
	"a line break in the path": `http://HOST:PORT/v1/apps/APP/x\r\nX-Injected: 1\r\n`,
	"a line break in the query": `http://HOST:PORT${path}\r\nHost: evil.example`,
	"a letter beyond ASCII": `http://HOST:PORT${path}é`,
	"another path": "http://HOST:PORT/v1/oauth/token",
	"the path of an installed app": "http://HOST:PORT/v1/installedapps/APP/x",
	"the path of all apps": "http://HOST:PORT/v1/apps/",
	"the path in capitals": "http://HOST:PORT/v1/Apps/APP/x",
	"another version": "http://HOST:PORT/v2/apps/APP/x",
	"a path before it": "http://HOST:PORT/x/v1/apps/APP/x",
	"no path": "http://HOST:PORT",
	"another app": "http://HOST:PORT/v1/apps/11111111-6f0e-4a37-9d3b-0a1e5b7c1d11/x",
	"a longer app": "http://HOST:PORT/v1/apps/APPx/x",
	"an app in escapes": "http://HOST:PORT/v1/apps/%35f0c1f5e-6f0e-4a37-9d3b-0a1e5b7c1d11/x",
	"a path that climbs": "http://HOST:PORT/v1/apps/APP/../../oauth/token",
	"a path that climbs at once": "http://HOST:PORT/v1/apps/../oauth/token",
	"a path that climbs at the end": "http://HOST:PORT/v1/apps/APP/..",
	"a path that climbs in escapes": "http://HOST:PORT/v1/apps/APP/%2e%2e/%2e%2e/oauth/token",
	"a path that climbs behind a semicolon": "http://HOST:PORT/v1/apps/APP/..;/..;/oauth/token",
	"a path with a dot": "http://HOST:PORT/v1/apps/APP/./x",
	"a path with two slashes": "http://HOST:PORT/v1/apps/APP//x",
	"a path with an escaped slash": "http://HOST:PORT/v1/apps/APP%2f..%2fx",
	"a path with an escaped NUL": "http://HOST:PORT/v1/apps/APP/x%00",
	"a path of globs": "http://HOST:PORT/v1/apps/APP/{a,b}[1-9]",
	"10 KB": `http://HOST:PORT/v1/apps/APP/${"x".repeat(10000)}`,
};

for (const [name, text] of Object.entries(ADDRESSES)) {
	target.survives(`a confirmation at ${name}: 400, and no request is made`, async () => {
		const url = text.replaceAll("APP", APP).replaceAll("OTHER", addressOf(otherServer))
			.replaceAll("HOST", "127.0.0.1").replaceAll("PORT", platform.address().port);
		const answer = await confirm(url);

		assert.equal(answer.status, 400, url);
		assert.equal(answer.json().error.code, "input");
		assert.doesNotMatch(answer.text, /evil|token|127/);
	});
}

target.survives("a confirmation without a signature, or with another key's: 401", async () => {
	const body = JSON.stringify({ messageType: "CONFIRMATION",
		confirmationData: { appId: APP, confirmationUrl: `http://${addressOf(platform)}/v1/apps/${APP}/x` } });
	const headers = target.sign(body);

	assert.equal((await target.post(body, {})).status, 401);
	assert.equal((await target.post(body, { ...headers, Authorization: headers.Authorization.replace(/signature="...../, 'signature="AAAAA') })).status, 401);
});

target.survives("a confirmation of another app with the address of ours is 400", async () => {
	const address = `http://${addressOf(platform)}/v1/apps/${APP}/confirm-registration?token=x`;

	assert.equal((await confirm(address, { appId: randomUUID() })).status, 400);
	assert.equal((await confirm(address, { appId: APP.toUpperCase() })).status, 400);
	assert.equal((await target.signed(JSON.stringify({ lifecycle: "CONFIRMATION", appId: randomUUID(),
		confirmationData: { confirmationUrl: address } }))).status, 400, "in the older form");
});

// The confirmations below are fetched.

const confirmed = (url) => waitFor(() => target.stack.psql(`SELECT 1 FROM confirmation WHERE confirmation_hash = sha256('${url}')
	AND (confirmed_at IS NOT NULL OR EXISTS (SELECT 1 FROM work WHERE kind = 'confirmation' AND attempts > 0
		AND subject = encode(confirmation_hash, 'hex')))`), { what: "the answer to a confirmation" });

for (const to of ["/v1/oauth/token", "http://OTHER/", "file:///etc/passwd", "//OTHER/"]) {
	test(`a redirect of a confirmation to ${to} is not followed, and counts as a failure`, async () => {
		const url = `http://${addressOf(platform)}/v1/apps/${APP}/confirm-registration?to=${
			encodeURIComponent(to.replace("OTHER", addressOf(otherServer)))}`;

		assert.equal((await confirm(url)).status, 200);
		await confirmed(url);
		assert.equal(await target.stack.psql(`SELECT confirmed_at IS NULL FROM confirmation WHERE confirmation_hash = sha256('${url}')`), "t");
		assert.deepEqual(platform.requests.filter((each) => !each.startsWith("/v1/apps/")), []);
		await target.stack.psql(`DELETE FROM confirmation WHERE confirmation_hash = sha256('${url}')`);
	});
}

test("confirmations at the platform's own addresses are fetched once each", async () => {
	const origin = `http://${addressOf(platform)}`;

	platform.requests.length = 0;
	for (const own of [`/v1/apps/${APP}/confirm-registration?token=1`, `/apps/${APP}/confirm-registration?token=2`,
		`/v1/apps/${APP}/x?to-be=${encodeURIComponent("http://evil.example/../")}`]) {
		for (let i = 0; i < 3; i++)
			assert.equal((await confirm(origin + own)).status, 200);
		await confirmed(origin + own);
	}
	assert.equal(await target.stack.psql("SELECT bool_and(confirmed_at IS NOT NULL AND url IS NULL) FROM confirmation"), "t");
	assert.equal(platform.requests.length, 3);
	assert.deepEqual(otherServer.requests, []);
});

test("no program was restarted, and none logged a failure", () => target.assertUnharmed());
