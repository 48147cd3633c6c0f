// The rules of the simulated platform, as README.md states them for other tests.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, statSync } from "node:fs";
import path from "node:path";
import { after, before, beforeEach, test } from "node:test";

import { CLIENT_ID, CLIENT_SECRET, SCOPE, Simulator, until } from "./simulator.mjs";

const requests = []; // every EVENT that arrived, in order
let simulator;
let answerStatus = () => 200;

async function onWebhook(request, response, text) {
	const body = JSON.parse(text);

	if (body.messageType === "CONFIRMATION") {
		response.end();
		await fetch(body.confirmationData.confirmationUrl);
		return;
	}
	requests.push({ body, headers: request.headers });
	response.statusCode = answerStatus(requests.length);
	response.end("{}");
}

function events() {
	return requests.flatMap((request) => request.body.eventData.events);
}

function values() {
	return events().map((event) => event.deviceEvent.value);
}

async function linkWithSwitches(locationName = "Home") {
	const tokens = await simulator.link(locationName);
	const { locationId } = await simulator.location(locationName);

	await simulator.subscribe(tokens, "CAPABILITY", "capability", {
		locationId,
		capability: "switch",
		attribute: "switch",
		subscriptionName: "switches",
	});
	return { ...tokens, locationId };
}

function flip(deviceId, value, component = "main") {
	return simulator.post(`devices/${deviceId}/flip`, { component, value });
}

// The 100 ns clock inside a version-1 UUID, as milliseconds since 1970.
function uuidTime(id) {
	const [low, middle, high] = id.split("-");

	assert.equal(high[0], "1", "version 1");
	return Number((BigInt(`0x${high.slice(1)}${middle}${low}`) - 0x01b21dd213814000n) / 10000n);
}

before(async () => {
	simulator = await Simulator.prepare();
	await simulator.startWithTarget(onWebhook);
});

after(() => simulator.end());

beforeEach(async () => {
	answerStatus = () => 200;
	await simulator.post("reset");
	requests.length = 0;
});

test("the default account has two locations with twelve switches, two of them dimmers", async () => {
	const state = await simulator.get("state");
	const switches = state.devices.filter((device) =>
		Object.values(device.status).some((component) => component.switch));
	const dimmers = switches.filter((device) => device.status.main.switchLevel);

	assert.deepEqual(state.locations.map((location) => location.name), ["Home", "Lake cabin"]);
	assert.equal(switches.length, 12);
	assert.equal(dimmers.length, 2);
	assert.equal(state.devices.length, 13);
	assert.equal(switches.filter((device) => device.label === undefined).length, 1);
	assert.equal(switches.filter((device) => device.roomId === null).length, 1);
	assert.equal(switches.filter((device) => device.label?.includes("<b>\"'&")).length, 1);
	assert.equal(switches.filter((device) => device.status.main.switch.switch.value === null).length, 1);
});

test("an event has a version-1 id, a time in whole seconds and every published member", async () => {
	const tokens = await linkWithSwitches();
	const { deviceId } = await simulator.device("Hall light");
	const start = Date.now();

	await flip(deviceId, "on");
	await until("the event", () => requests.length === 1);
	const [event] = events();
	const { deviceEvent } = event;

	assert.ok(Math.abs(uuidTime(deviceEvent.eventId) - start) < 2000);
	assert.match(event.eventTime, /:\d\dZ$/);
	assert.deepEqual({ ...deviceEvent, eventId: "" }, {
		eventId: "",
		locationId: tokens.locationId,
		ownerId: tokens.locationId,
		ownerType: "LOCATION",
		deviceId,
		componentId: "main",
		capability: "switch",
		attribute: "switch",
		value: "on",
		valueType: "string",
		unit: "",
		stateChange: true,
		data: {},
		subscriptionName: "switches",
		sensitive: false,
	});
	assert.match(requests[0].headers.digest, /^SHA256=/);
	assert.match(requests[0].headers.date, / UTC$/);
	assert.equal(requests[0].headers["content-type"], "application/json");
	assert.deepEqual(requests[0].body.eventData.installedApp,
		{ installedAppId: tokens.installed_app_id, locationId: tokens.locationId });
});

test("an event needs a subscription of an installed app at the device's location", async () => {
	const { deviceId } = await simulator.device("Hall light");
	const tokens = await linkWithSwitches("Lake cabin");
	const porch = await simulator.device("Porch light");

	await flip(deviceId, "on");
	await flip(porch.deviceId, "on");
	await until("the porch's event", () => requests.length === 1);
	assert.equal(requests[0].body.eventData.installedApp.installedAppId, tokens.installed_app_id);
	assert.equal((await simulator.get("deliveries")).log.length, 1);
});

test("turning on a switch that is on sends no event", async () => {
	await linkWithSwitches();
	const { deviceId } = await simulator.device("Kitchen ceiling");

	await flip(deviceId, "on");
	await flip(deviceId, "off");
	await until("one event", () => requests.length === 1);
	assert.deepEqual(values(), ["off"]);
});

test("a power strip reports each outlet as a component of its own", async () => {
	await linkWithSwitches();
	const { deviceId } = await simulator.device("TV corner strip");

	await flip(deviceId, "toggle", "outlet2");
	await until("the event", () => requests.length === 1);
	assert.equal(events()[0].deviceEvent.componentId, "outlet2");
});

test("a delivery that is answered 500 is repeated with the same event id", async () => {
	await linkWithSwitches();
	const { deviceId } = await simulator.device("Hall light");

	answerStatus = (count) => (count < 3 ? 500 : 200);
	await flip(deviceId, "on");
	await until("three tries", () => requests.length === 3);
	assert.equal(new Set(events().map((event) => event.deviceEvent.eventId)).size, 1);
	const entry = await until("the log", async () =>
		(await simulator.get("deliveries")).log.find((one) => one.state === "delivered"));

	assert.equal(entry.attempts, 3);
});

test("a delivery that is answered 4xx is not repeated", async () => {
	await linkWithSwitches();
	const { deviceId } = await simulator.device("Hall light");

	answerStatus = () => 401;
	await flip(deviceId, "on");
	await until("the failure", async () =>
		(await simulator.get("deliveries")).log[0]?.state === "failed");
	assert.equal(requests.length, 1);
});

test("the settings hold, duplicate and reorder queue events, send them twice, and swap pairs of them", async () => {
	await linkWithSwitches();
	const { deviceId } = await simulator.device("Hall light");

	await simulator.post("settings", { hold: true });
	await flip(deviceId, "on");
	await flip(deviceId, "off");
	assert.equal((await simulator.get("deliveries")).queued, 2);
	assert.equal(requests.length, 0);
	await simulator.post("settings", { hold: false, duplicate: true });
	await until("the held events", () => requests.length === 2);
	assert.deepEqual(values(), ["on", "off"]);

	await flip(deviceId, "on");
	await until("the event and its duplicate", () => requests.length === 4);
	assert.equal(events()[2].deviceEvent.eventId, events()[3].deviceEvent.eventId);

	await simulator.post("settings", { duplicate: false, reorder: true });
	await flip(deviceId, "off");
	await flip(deviceId, "on");
	await until("the swapped pair", () => requests.length === 6);
	assert.deepEqual(values().slice(4), ["on", "off"]);
	await flip(deviceId, "off");
	await until("the event without a partner", () => requests.length === 7);
});

test("the setting batch puts the events of one change into one request", async () => {
	const tokens = await linkWithSwitches();
	const { deviceId } = await simulator.device("Bedside lamp");

	await simulator.subscribe(tokens, "DEVICE", "device",
		{ deviceId, capability: "switchLevel", attribute: "level" });
	await simulator.post("settings", { batch: true });
	await simulator.post(`devices/${deviceId}/level`, { level: 70 });
	await until("the request", () => requests.length === 1);
	assert.deepEqual(values(), [70, "on"]);
	await simulator.post(`devices/${deviceId}/level`, { level: 0 });
	await until("the next", () => requests.length === 2);
	assert.deepEqual(values().slice(2), [0, "off"]);
});

test("a code expires, and its exchange needs its redirect URI and the client's secret", async () => {
	const grant = { grant_type: "authorization_code", redirect_uri: simulator.redirectUri };
	const code = await simulator.code();

	assert.equal((await simulator.token({ ...grant, code }, "wrong")).status, 401);
	const other = await simulator.token({ ...grant, code, redirect_uri: "http://127.0.0.1:1/" });

	assert.deepEqual([other.status, other.json.error], [400, "invalid_grant"]);
	assert.equal((await simulator.token({ ...grant, code })).status, 404, "the refused exchange used it up");
	await simulator.post("settings", { codeSeconds: 0 });
	const late = await simulator.code();

	assert.equal((await simulator.token({ ...grant, code: late })).status, 404);
	assert.equal((await simulator.token({ grant_type: "password" })).status, 400);
});

test("the consent page refuses what RFC 6749 says it must", async () => {
	const url = (fields) => `${simulator.base}/v1/oauth/authorize?${new URLSearchParams({
		client_id: CLIENT_ID, redirect_uri: simulator.redirectUri, response_type: "code",
		scope: SCOPE, state: "s", ...fields })}`;
	const get = (fields) => fetch(url(fields), { redirect: "manual" });

	assert.equal((await get({})).status, 200);
	assert.equal((await get({ client_id: "nobody" })).status, 400);
	assert.equal((await get({ redirect_uri: "http://evil.example/" })).status, 400);
	assert.match((await get({ response_type: "token" })).headers.get("location"),
		/error=unsupported_response_type&state=s$/);
	assert.match((await get({ scope: "everything" })).headers.get("location"), /error=invalid_scope/);
	const denied = await simulator.decide({ decision: "deny" });

	assert.equal(denied.url.searchParams.get("error"), "access_denied");
	assert.equal(denied.url.searchParams.get("state"), "the-state");
});

test("linking a location again reuses its installed app and ends the older tokens", async () => {
	const first = await linkWithSwitches();
	const second = await simulator.link();

	assert.equal(second.installed_app_id, first.installed_app_id);
	assert.equal((await simulator.call(first.access_token, "GET", "/devices")).status, 401);
	const list = await simulator.call(
		second.access_token, "GET", `/installedapps/${second.installed_app_id}/subscriptions`);

	assert.equal(list.json.items.length, 1);
});

test("a token without the scope, or of another location, gets 403", async () => {
	const tokens = await simulator.link("Home", { scope: "r:devices:*" });
	const porch = await simulator.device("Porch light");
	const hall = await simulator.device("Hall light");
	const command = { commands: [{ component: "main", capability: "switch", command: "on" }] };
	const call = (method, where, body) => simulator.call(tokens.access_token, method, where, body);

	assert.equal((await call("GET", `/devices/${hall.deviceId}/status`)).status, 200);
	assert.equal((await call("POST", `/devices/${hall.deviceId}/commands`, command)).status, 403);
	assert.equal((await call("GET", `/locations/${hall.locationId}`)).status, 403);
	assert.equal((await call("GET", `/devices/${porch.deviceId}`)).status, 403);
	assert.equal((await call("GET", `/devices?locationId=${porch.locationId}`)).status, 403);
	assert.equal((await call("GET", "/devices/5f0c1f5e-0000-4000-8000-000000000000")).status, 404);
	const refused = await simulator.call("nonsense", "GET", "/devices");

	assert.equal(refused.status, 401);
	assert.ok(refused.json.requestId && refused.json.error.code && refused.json.error.message);
});

test("malformed commands are answered 422 and not executed", async () => {
	const tokens = await simulator.link();
	const { deviceId } = await simulator.device("Floor lamp");
	const send = (body) => simulator.call(
		tokens.access_token, "POST", `/devices/${deviceId}/commands`, body);
	const good = { component: "main", capability: "switchLevel", command: "setLevel" };

	for (const wrong of [{}, { commands: [] }, { commands: [{ ...good, arguments: [101] }] },
		{ commands: [{ ...good, arguments: ["5"] }] }, { commands: [good] },
		{ commands: [{ ...good, component: "attic", arguments: [5] }] },
		{ commands: [{ capability: "switch", command: "toggle" }] }, "text"])
		assert.equal((await send(wrong)).status, 422, JSON.stringify(wrong));
	assert.equal((await simulator.get("commands")).total, 0);
});

test("a call over a rate limit is answered 429 with Retry-After, X-RateLimit headers and a message", async () => {
	const tokens = await simulator.link();
	const { deviceId } = await simulator.device("Floor lamp");
	const ask = () => simulator.call(tokens.access_token, "GET", `/devices/${deviceId}/status`);

	assert.equal((await ask()).headers.get("x-ratelimit-limit"), null);
	await simulator.post("settings", { rateLimits: true });
	for (let left = 11; left >= 0; left--)
		assert.equal((await ask()).headers.get("x-ratelimit-remaining"), String(left));
	const refused = await ask();

	assert.equal(refused.status, 429);
	assert.ok(Number(refused.headers.get("retry-after")) > 50);
	assert.ok(Number(refused.headers.get("x-ratelimit-reset")) > 50000);
	assert.match(refused.json.error.message, /retry in \d+ millis/);
});

test("faults replace, cut, delay or withhold an answer, before or after the call's effect", async () => {
	const tokens = await simulator.link();
	const ask = (signal) => fetch(`${simulator.base}/v1/locations`, {
		headers: { Authorization: `Bearer ${tokens.access_token}` }, signal });

	await simulator.post("faults",
		{ method: "GET", path: "/locations", count: 2, action: "status", status: 429, retryAfter: 7 });
	assert.equal((await ask()).headers.get("retry-after"), "7");
	assert.equal((await ask()).status, 429);
	assert.equal((await ask()).status, 200);

	await simulator.post("faults", { path: "/loc*", action: "cut" });
	await assert.rejects(ask());
	await simulator.post("faults", { path: "/locations", action: "slow", delayMs: 300 });
	const start = Date.now();

	assert.equal((await ask()).status, 200);
	assert.ok(Date.now() - start >= 300);
	await simulator.post("faults", { path: "/locations", action: "hang" });
	await assert.rejects(ask(AbortSignal.timeout(300)), { name: "TimeoutError" });

	await simulator.post("faults", { path: "/oauth/token", action: "cut", afterEffect: true });
	const grant = { grant_type: "refresh_token", refresh_token: tokens.refresh_token };

	await assert.rejects(simulator.token(grant));
	assert.equal((await simulator.token(grant)).status, 400, "the tokens were replaced although the answer was cut");
	await assert.rejects(simulator.post("faults", { action: "explode" }));
	assert.deepEqual((await simulator.get("faults")).faults, []);
	const { log } = await simulator.get("calls");

	assert.deepEqual(log.filter((call) => call.fault).map((call) => call.fault),
		["cut", "hang", "cut"]);
});

test("calls of the API are counted by endpoint, requests for pages are not", async () => {
	const tokens = await simulator.link();
	const { deviceId } = await simulator.device("Floor lamp");

	await simulator.post("calls/reset");
	await fetch(`${simulator.base}/`);
	await fetch(`${simulator.base}/page.json`);
	await simulator.call(tokens.access_token, "GET", `/devices/${deviceId}/status`);
	const calls = await simulator.get("calls");

	assert.equal(calls.total, 1);
	assert.deepEqual(calls.byEndpoint, { "GET /devices/{id}/status": 1 });
	assert.equal(calls.log[0].installedAppId, tokens.installed_app_id);
	assert.equal(calls.log[0].status, 200);
});

test("the setting keyServer makes the key server fail in each of its ways", async () => {
	const { keyId } = await simulator.get("state");
	const get = (signal) => fetch(`${simulator.base}/key${keyId}`, { signal });
	const set = (keyServer) => simulator.post("settings", { keyServer });

	assert.match(await (await get()).text(), /^-----BEGIN CERTIFICATE-----/);
	assert.equal((await fetch(`${simulator.base}/key/pl/useast1/00`)).status, 404);
	await set("error");
	assert.equal((await get()).status, 503);
	await set("missing");
	assert.equal((await get()).status, 404);
	await set("huge");
	assert.ok((await (await get()).text()).length >= 1024 * 1024);
	await set("html");
	assert.match(await (await get()).text(), /<html>/);
	await set("expired");
	assert.match(await (await get()).text(), /^-----BEGIN CERTIFICATE-----/);
	await set("hang");
	await assert.rejects(get(AbortSignal.timeout(200)), { name: "TimeoutError" });
	await assert.rejects(set("nonsense"));
});

test("a token of one account shows nothing of another account", async () => {
	const made = await simulator.post("accounts", {
		name: "Robin",
		locations: [{
			name: "Flat",
			rooms: ["Study"],
			devices: [{ name: "Plug", label: "Desk", room: "Study" }],
		}],
	});
	const tokens = await simulator.link("Flat");
	const list = await simulator.call(tokens.access_token, "GET", "/devices");
	const location = await simulator.location("Home");
	const mixed = await simulator.decide(
		{ location: location.locationId, account: made.accountId, decision: "allow" });

	assert.equal(tokens.owner_account_id, made.accountId);
	assert.deepEqual(list.json.items.map((device) => device.label), ["Desk"]);
	assert.equal(mixed.status, 400);
});

test("settings leave out the owner in token replies and make tokens long", async () => {
	await simulator.post("settings", { omitOwner: true, tokenLength: 6000 });
	const tokens = await simulator.link();

	assert.equal(tokens.owner_account_id, undefined);
	assert.equal(tokens.access_token.length, 6000);
	assert.equal((await simulator.call(tokens.access_token, "GET", "/devices")).status, 200);
});

test("the 41st subscription of an installed app is answered 422", async () => {
	const tokens = await simulator.link();
	const { locationId, deviceId } = await simulator.device("Floor lamp");
	const add = (attribute) => simulator.subscribe(tokens, "DEVICE", "device",
		{ locationId, deviceId, capability: "switch", attribute });

	for (let count = 0; count < 40; count++)
		assert.equal((await add(`a${count}`)).status, 200);
	assert.equal((await add("one-more")).status, 422);
	const all = await simulator.call(
		tokens.access_token, "DELETE", `/installedapps/${tokens.installed_app_id}/subscriptions`);

	assert.deepEqual(all.json, { count: 40 });
});

test("control/deliver returns the target's answer", async () => {
	const body = { messageType: "EVENT", eventData: { events: [] } };
	const answer = await simulator.post("deliver", { body });

	assert.deepEqual(answer, { status: 200, body: "{}" });
	assert.deepEqual(requests[0].body, body);
});

test("a restart keeps the whole state, queued events included", async () => {
	const tokens = await linkWithSwitches();
	const { deviceId } = await simulator.device("Hall light");
	const before = await simulator.get("state");
	const file = path.join(simulator.folder, "state.json");

	await simulator.post("settings", { hold: true, commandDelayMs: 5 });
	await flip(deviceId, "on");
	assert.equal(await simulator.stop(), 0);
	assert.equal(statSync(file).mode & 0o777, 0o600);
	assert.ok(!readFileSync(file, "utf8").includes(CLIENT_SECRET));
	await simulator.start();
	const state = await simulator.get("state");

	assert.equal(state.keyId, before.keyId);
	assert.equal(state.app.targetStatus, "CONFIRMED");
	assert.equal(state.settings.commandDelayMs, 5);
	assert.deepEqual(state.installedApps, before.installedApps);
	assert.equal((await simulator.call(tokens.access_token, "GET", "/devices")).status, 200);
	await simulator.post("settings", { hold: false });
	await until("the event of before the restart", () => requests.length === 1);
});

test("a change is in the state file soon enough to survive kill -9", async () => {
	const tokens = await simulator.link();

	await until("the file", () =>
		readFileSync(path.join(simulator.folder, "state.json"), "utf8")
			.includes(tokens.refresh_token), 1000);
	assert.equal(await simulator.stop("SIGKILL"), "SIGKILL");
	await simulator.start();
	const answer = await simulator.token(
		{ grant_type: "refresh_token", refresh_token: tokens.refresh_token });

	assert.equal(answer.status, 200);
});

test("behind a web server links have that one's address, and the log has its caller's protocol and connection", async () => {
	const behind = await Simulator.prepare();

	await behind.start("--url", "https://platform.example:8443");
	try {
		const tokens = await behind.link("Home");
		const headers = { Authorization: `Bearer ${tokens.access_token}` };
		const list = async (more) => (await fetch(`${behind.base}/v1/devices?max=1`, { headers: { ...headers, ...more } })).json();

		assert.match((await list({ "X-Caller-Protocol": "HTTP/2.0", "X-Caller-Connection": "7" }))._links.next.href,
			/^https:\/\/platform\.example:8443\/v1\/devices\?/);
		await list();
		const { log } = await behind.get("calls");
		const [behindServer, direct] = log.filter(({ path: where }) => where === "/devices");

		assert.deepEqual([behindServer.protocol, behindServer.port], ["HTTP/2.0", 7]);
		assert.equal(direct.protocol, "HTTP/1.1");
		assert.ok(direct.port > 1023);
	} finally {
		assert.equal(await behind.stop(), 0);
		rmSync(behind.folder, { recursive: true });
	}
});

test("a port that is in use ends the program with one clear line", () => {
	const run = spawnSync(simulator.child.spawnfile, [
		"--port", String(simulator.port), "--state", path.join(simulator.folder, "other.json"),
		"--target", "http://127.0.0.1:1/", "--app-id", "a", "--client-id", "c",
		"--redirect-uri", "http://127.0.0.1:1/",
	], { env: { ...process.env, SIMULATOR_CLIENT_SECRET: "x" }, encoding: "utf8" });

	assert.equal(run.status, 1);
	assert.match(run.stderr, /^switchboard-simulator: cannot listen on 127\.0\.0\.1:\d+: [^\n]+\n$/);
});

test("the page works with forms alone, escapes what it shows, and refuses forms of other sites", async () => {
	const page = await (await fetch(`${simulator.base}/`)).text();
	const { deviceId } = await simulator.device("Garden pump");
	const answer = await fetch(`${simulator.base}/page/flip`, {
		method: "POST",
		redirect: "manual",
		body: new URLSearchParams({ device: deviceId, component: "main", value: "on" }),
	});

	assert.ok(page.includes("Fairy lights &lt;b&gt;&quot;&#39;&amp; co"));
	assert.ok(!page.includes("<b>"));
	assert.equal(answer.status, 303);
	assert.equal((await simulator.device("Garden pump")).status.main.switch.switch.value, "on");
	for (const [site, status] of [["cross-site", 403], ["same-site", 403], ["same-origin", 303]]) {
		const again = await fetch(`${simulator.base}/page/flip`, {
			method: "POST",
			redirect: "manual",
			headers: { "Sec-Fetch-Site": site },
			body: new URLSearchParams({ device: deviceId, component: "main", value: "off" }),
		});

		assert.equal(again.status, status, site);
	}
});

test("strict: lists have status and health in the dated version only, and an unknown version is 406", async () => {
	const tokens = await simulator.link("Home");
	const where = `${simulator.base}/devices?includeStatus=true&includeHealth=true&capability=switch`;
	const ask = async (accept, url = where) => {
		const answer = await fetch(url, { headers: { Authorization: `Bearer ${tokens.access_token}`, Accept: accept } });

		return { status: answer.status, json: await answer.json() };
	};
	const tells = ({ json: { items } }) => items.every(({ healthState, components }) =>
		healthState && components.every(({ capabilities }) => capabilities.every(({ status }) => status)));
	const tellsNothing = ({ json: { items } }) => items.every(({ healthState, components }) =>
		!healthState && components.every(({ capabilities }) => capabilities.every(({ status }) => !status)));
	const dated = "application/vnd.smartthings+json;v=20170916";

	assert.ok(tells(await ask(dated)));
	assert.ok(tells(await ask(`application/vnd.smartthings+json;v=1, ${dated}`)));
	for (const accept of ["application/json", "*/*", "application/vnd.smartthings+json;v=1", "application/json;q=0.9, text/plain"])
		assert.ok(tellsNothing(await ask(accept)), accept);
	for (const accept of ["application/vnd.smartthings+json;v=20200101", "text/html", "application/vnd.smartthings+json;v=2"])
		assert.equal((await ask(accept)).status, 406, accept);
	await simulator.post("settings", { bareLists: true });
	assert.ok(tellsNothing(await ask(dated)));
	await simulator.post("settings", { bareLists: false, strict: false });
	assert.ok(tells(await ask("application/json")));
	assert.equal((await ask("text/html")).status, 200);
	await simulator.post("settings", { strict: true, bareLinks: true, pageSize: 4 });
	assert.equal((await ask(dated, `${simulator.base}/v1/devices?capability=switch`)).json._links.next.href, `${simulator.base}/devices?page=1`);
	await simulator.post("settings", { bareLinks: false, pageSize: 200 });
});

test("a device lists the raw text that a test gives it", async () => {
	const tokens = await simulator.link("Home");
	const { locationId } = await simulator.location("Home");
	const device = await simulator.post("devices", { locationId, name: "Odd", raw: "\"profileVersion\": 99999999999999999999" });
	const answer = await fetch(`${simulator.base}/devices`, { headers: { Authorization: `Bearer ${tokens.access_token}` } });

	assert.match(await answer.text(), new RegExp(`"${device.deviceId}".*"profileVersion": 99999999999999999999[,}]`));
	await simulator.control("DELETE", `devices/${device.deviceId}`);
});

test("with 200 devices and 500 installations a link takes under 100 ms, and installation 501 is refused", async () => {
	const locations = Array.from({ length: 500 }, (_, index) => ({
		name: `Place ${index}`,
		devices: index > 0 ? [] : Array.from({ length: 200 }, (_unused, i) => ({ name: `Plug ${i}` })),
	}));

	await simulator.post("accounts", { name: "Many", locations });
	const state = await simulator.get("state");
	const start = Date.now();

	for (const location of state.locations.filter((one) => one.name.startsWith("Place"))) {
		const sent = await simulator.decide({ location: location.locationId, decision: "allow" });

		assert.equal((await simulator.token({
			grant_type: "authorization_code",
			code: sent.url.searchParams.get("code"),
			redirect_uri: simulator.redirectUri,
		})).status, 200);
	}
	const perLink = (Date.now() - start) / 500;
	const tokens = await linkWithSwitches("Place 0");
	const list = await simulator.call(tokens.access_token, "GET", "/devices?includeStatus=true");

	assert.equal(list.json.items.length, 200);
	await Promise.all(list.json.items.map((device) => flip(device.deviceId, "on")));
	await until("200 events", () => requests.length === 200);
	assert.ok(perLink < 100, `${perLink} ms a link`);
	const over = await simulator.decide(
		{ location: (await simulator.location("Home")).locationId, decision: "allow" });

	assert.equal(over.url.searchParams.get("error"), "max_installs_exceeded");
});
