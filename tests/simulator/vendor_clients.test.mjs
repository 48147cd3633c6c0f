// The vendor's own clients, unchanged, against the simulator: if they work with it,
// its requests and answers have the form of the real platform's.
import assert from "node:assert/strict";
import { createPublicKey, X509Certificate } from "node:crypto";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";

import { APP_ID, CLIENT_ID, CLIENT_SECRET, Simulator, until } from "./simulator.mjs";

const require = createRequire(import.meta.url);
const SmartApp = require("@smartthings/smartapp");
const {
	BearerTokenAuthenticator,
	RefreshTokenAuthenticator,
	SmartThingsClient,
	SmartThingsOAuthClient,
} = require("@smartthings/core-sdk");
const httpSignature = require("http-signature");

const contexts = new Map();
const received = [];
let simulator;
let app;
let context;

// The context store that the SDK requires; an app would keep it in a database.
const store = {
	get: async (id) => contexts.get(id),
	put: async (data) => contexts.set(data.installedAppId, data),
	update: async (id, data) => contexts.set(id, { ...contexts.get(id), ...data }),
	delete: async (id) => contexts.delete(id),
};

function record(kind) {
	return (ctx, event, time) => {
		received.push({ kind, event, time, installedAppId: ctx.installedAppId });
	};
}

function makeApp() {
	return new SmartApp({
		appId: APP_ID,
		clientId: CLIENT_ID,
		clientSecret: CLIENT_SECRET,
		redirectUri: simulator.redirectUri,
		apiUrl: `${simulator.base}/v1`,
		refreshUrl: `${simulator.base}/v1/oauth/token`,
		keyApiHost: `${simulator.base}/key`,
		logUnhandledRejections: false,
	})
		.contextStore(store)
		.subscribedDeviceEventHandler("switches", record("switch"))
		.subscribedDeviceEventHandler("levels", record("level"))
		.subscribedDeviceHealthEventHandler("health", record("health"))
		.subscribedDeviceLifecycleEventHandler("lifecycle", record("lifecycle"))
		.uninstalled((ctx, data) => received.push({ kind: "uninstalled", data }));
}

// The SDK only logs the address of a CONFIRMATION, for a person to open; this opens it.
async function confirm(request, response, body) {
	const parsed = httpSignature.parseRequest(request);
	const certificate = await (await fetch(`${simulator.base}/key${parsed.keyId}`)).text();
	const key = createPublicKey(certificate).export({ type: "spki", format: "pem" });

	assert.ok(httpSignature.verifySignature(parsed, key), "CONFIRMATION is signed");
	response.end();
	await fetch(body.confirmationData.confirmationUrl);
}

async function onWebhook(request, response, text) {
	const body = JSON.parse(text);

	if (body.messageType === "CONFIRMATION") {
		await confirm(request, response, body);
		return;
	}
	request.body = body;
	response.status = (code) => {
		response.statusCode = code;
		return response;
	};
	response.send = (data) => response.end(data);
	response.json = (data) => response.end(JSON.stringify(data));
	await app.handleHttpCallback(request, response);
}

function receivedOf(kind, deviceId) {
	return received.filter((item) => item.kind === kind && item.event.deviceId === deviceId);
}

before(async () => {
	simulator = await Simulator.prepare();
	app = makeApp();
	await simulator.startWithTarget(onWebhook);
});

after(() => simulator.end());

test("smartapp exchanges a code and gets the location of its installation", async () => {
	const code = await simulator.code();

	context = await app.handleOAuthCallback({ query: { code } });
	assert.equal(context.locationId, (await simulator.location("Home")).locationId);
	assert.ok(contexts.get(context.installedAppId).refreshToken);
});

test("core-sdk gets 404 when it exchanges a code for the second time", async () => {
	const client = new SmartThingsOAuthClient(CLIENT_ID, CLIENT_SECRET, simulator.redirectUri,
		{ baseURL: simulator.base });
	const code = await simulator.code("Lake cabin");
	const tokens = await client.redeemCode(code);

	assert.equal(tokens.token_type, "bearer");
	await assert.rejects(client.redeemCode(code), (error) => {
		assert.equal(error.response.status, 404);
		assert.match(error.response.data.error.code, /authorization_code_invalid$/);
		return true;
	});
});

test("smartapp subscribes, lists and deletes subscriptions", async () => {
	const { subscriptions } = context.api;

	await subscriptions.subscribeToCapability("switch", "switch", "switches");
	await subscriptions.subscribeToCapability("switchLevel", "level", "levels");
	await subscriptions.subscribeToDeviceHealth("health");
	await subscriptions.subscribeToDeviceLifecycle("lifecycle");
	const extra = await subscriptions.subscribeToCapability("switch", "switch.on", "only_on");

	await assert.rejects(subscriptions.subscribeToCapability("switch", "switch", "again"),
		(error) => error.response.status === 409);
	assert.equal((await subscriptions.list()).length, 5);
	assert.equal((await subscriptions.delete(extra.id)).count, 1);
	assert.deepEqual((await subscriptions.list()).map((one) => one.sourceType).sort(),
		["CAPABILITY", "CAPABILITY", "DEVICE_HEALTH", "DEVICE_LIFECYCLE"]);
});

test("core-sdk refreshes its tokens after 401 and repeats the call", async () => {
	const before = contexts.get(context.installedAppId);

	await simulator.post("tokens/expire", { installedAppId: context.installedAppId });
	const location = await context.api.locations.get(context.locationId);
	const after = contexts.get(context.installedAppId);

	assert.equal(location.name, "Home");
	assert.notEqual(after.authToken, before.authToken);
	assert.notEqual(after.refreshToken, before.refreshToken);
	const refused = await simulator.token({
		grant_type: "refresh_token",
		refresh_token: before.refreshToken,
	});
	assert.deepEqual([refused.status, refused.json.error], [400, "invalid_grant"]);
});

test("core-sdk's refresh works at addresses without /v1", async () => {
	const tokens = await simulator.link("Lake cabin");
	const stored = {};
	const authenticator = new RefreshTokenAuthenticator("long-gone", {
		getRefreshData: async () => ({
			refreshToken: tokens.refresh_token,
			clientId: CLIENT_ID,
			clientSecret: CLIENT_SECRET,
		}),
		putAuthData: async (data) => Object.assign(stored, data),
	});
	const client = new SmartThingsClient(authenticator,
		{ urlProvider: { baseURL: simulator.base } });

	assert.equal((await client.devices.list({ capability: "switch" })).length, 3);
	assert.ok(stored.refreshToken);
});

test("core-sdk follows the pages of a device list", async () => {
	await simulator.post("settings", { pageSize: 4 });
	await simulator.post("calls/reset");
	const devices = await context.api.devices.list({
		capability: "switch",
		includeStatus: true,
		includeHealth: true,
	});
	const calls = await simulator.get("calls");

	await simulator.post("settings", { pageSize: 200 });
	assert.equal(devices.length, 9);
	assert.equal(new Set(devices.map((device) => device.deviceId)).size, 9);
	assert.equal(calls.byEndpoint["GET /devices"], 3);
	assert.ok(devices.every((device) => device.healthState.state === "ONLINE"));
	assert.ok(devices.some((device) => device.label === undefined));
	const strip = devices.find((device) => device.components.length === 4);

	assert.equal(strip.components[1].capabilities[0].status.switch.value, "on");
});

test("core-sdk reads the status and health of a device, a component and a capability", async () => {
	const lamp = await simulator.device("Floor lamp");
	const { devices } = context.api;
	const status = await devices.getStatus(lamp.deviceId);
	const level = await devices.getCapabilityStatus(lamp.deviceId, "main", "switchLevel");

	assert.equal(status.components.main.switch.switch.value, "on");
	assert.equal(level.level.value, 60);
	assert.equal((await devices.getComponentStatus(lamp.deviceId, "main")).switch.switch.value, "on");
	assert.equal((await devices.getHealth(lamp.deviceId)).state, "ONLINE");
	assert.equal((await devices.get(lamp.deviceId)).label, "Floor lamp");
});

test("core-sdk lists rooms and the location", async () => {
	const rooms = await context.api.rooms.list();

	assert.deepEqual(rooms.map((room) => room.name), ["Kitchen", "Living room", "Bedroom", "Hall"]);
	assert.equal((await context.api.locations.list()).length, 1);
});

test("a command is accepted, executed, and reported to smartapp by a signed webhook", async () => {
	const { deviceId } = await simulator.device("Coffee machine");
	const command = { component: "main", capability: "switch", command: "on", arguments: [] };
	const answer = await context.api.devices.executeCommands(deviceId, [command]);

	assert.equal(answer.results[0].status, "ACCEPTED");
	const [item] = await until("the event", () => {
		const items = receivedOf("switch", deviceId);

		return items.length > 0 && items;
	});

	assert.equal(item.event.value, "on");
	assert.equal(item.event.componentId, "main");
	assert.equal(item.installedAppId, context.installedAppId);
	assert.match(item.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
	const status = await context.api.devices.getStatus(deviceId);

	assert.equal(status.components.main.switch.switch.value, "on");
});

test("a dimmer whose level is set reports the level and that it is on", async () => {
	const { deviceId } = await simulator.device("Bedside lamp");

	await context.api.devices.executeCommand(deviceId,
		{ component: "main", capability: "switchLevel", command: "setLevel", arguments: [40] });
	await until("both events", () =>
		receivedOf("level", deviceId).length === 1 && receivedOf("switch", deviceId).length === 1);
	assert.equal(receivedOf("level", deviceId)[0].event.value, 40);
	assert.equal(receivedOf("switch", deviceId)[0].event.value, "on");
});

test("eleven commands in one request are answered 422, a command to an offline device 409", async () => {
	const { deviceId } = await simulator.device("Hall light");
	const command = { component: "main", capability: "switch", command: "on", arguments: [] };
	const { devices } = context.api;

	await assert.rejects(devices.executeCommands(deviceId, Array(11).fill(command)),
		(error) => error.response.status === 422);
	await simulator.post(`devices/${deviceId}/health`, { state: "OFFLINE" });
	await assert.rejects(devices.executeCommands(deviceId, [command]),
		(error) => error.response.status === 409);
	await simulator.post(`devices/${deviceId}/health`, { state: "ONLINE" });
	await until("both health events", () => receivedOf("health", deviceId).length === 2);
	assert.deepEqual(receivedOf("health", deviceId).map((item) => item.event.status),
		["OFFLINE", "ONLINE"]);
});

test("smartapp receives events for new and removed devices", async () => {
	const { deviceId } = await simulator.post("devices",
		{ locationId: context.locationId, name: "New plug" });

	await simulator.control("DELETE", `devices/${deviceId}`);
	await until("both lifecycle events", () => receivedOf("lifecycle", deviceId).length === 2);
	assert.deepEqual(receivedOf("lifecycle", deviceId).map((item) => item.event.lifecycle),
		["CREATE", "DELETE"]);
});

test("smartapp refuses a webhook whose signed date was changed", async () => {
	const body = JSON.stringify({
		messageType: "EVENT",
		eventData: {
			installedApp: { installedAppId: context.installedAppId, locationId: context.locationId },
			events: [],
		},
	});
	const { headers } = await simulator.post("sign", { body });
	const send = (changed) => fetch(`http://127.0.0.1:${simulator.targetPort}/`, {
		method: "POST",
		body,
		headers: { ...headers, ...changed },
	});

	assert.equal((await send({})).status, 200);
	const later = new Date(Date.now() + 1000).toUTCString().replace("GMT", "UTC");

	assert.equal((await send({ Date: later })).status, 401);
});

test("the certificate has an RSA key, is valid for 30 days, and its serial number is in the keyId", async () => {
	const { keyId } = await simulator.get("state");
	const certificate = new X509Certificate(
		await (await fetch(`${simulator.base}/key${keyId}`)).text());
	const life = (Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)) / 86400000;

	assert.match(certificate.subject, /CN=key\.smartthings\.com/);
	assert.equal(certificate.publicKey.asymmetricKeyDetails.modulusLength, 2048);
	assert.ok(life > 30 && life < 31, `${life} days`);
	assert.equal(keyId.split("/").pop().replaceAll("-", ""), certificate.serialNumber.toLowerCase());
});

test("core-sdk creates an app, registers it, and its target is confirmed", async () => {
	const { token } = await simulator.post("personal-token");
	const client = new SmartThingsClient(new BearerTokenAuthenticator(token),
		{ urlProvider: { baseURL: `${simulator.base}/v1` } });
	const made = await client.apps.create({
		appName: "second-switchboard",
		appType: "API_ONLY",
		classifications: ["CONNECTED_SERVICE"],
		displayName: "Second",
		description: "Another",
		singleInstance: true,
		apiOnly: { targetUrl: `http://127.0.0.1:${simulator.targetPort}/` },
		oauth: { clientName: "Second", scope: ["r:devices:*"], redirectUris: [simulator.redirectUri] },
	});

	assert.ok(made.oauthClientId && made.oauthClientSecret);
	await client.apps.register(made.app.appId);
	await until("the confirmation", async () =>
		(await client.apps.get(made.app.appId)).apiOnly.subscription.targetStatus === "CONFIRMED");
});

test("smartapp receives the uninstall by its user, and its tokens are invalid", async () => {
	await simulator.post("uninstall", { installedAppId: context.installedAppId });
	await until("the uninstall", () => received.some((item) => item.kind === "uninstalled"));
	const answer = await simulator.call(
		contexts.get(context.installedAppId)?.authToken ?? "gone", "GET", "/devices");

	assert.equal(answer.status, 401);
});

test("the app deletes its own installation", async () => {
	const code = await simulator.code();
	const again = await app.handleOAuthCallback({ query: { code } });

	await again.api.installedApps.delete(again.installedAppId);
	const { installedApps } = await simulator.get("state");

	assert.ok(!installedApps.some((one) => one.installedAppId === again.installedAppId));
});
