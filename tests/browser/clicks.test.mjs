// Clicks whose requests are late, beside each other, or without a result: the page tells the truth.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { sleep, startStack, waitFor } from "../stack.mjs";
import { device, flip, launch, linkedLocation, live, openBrowser, openPage, shows, switchOf, tileOf } from "./browser.mjs";

const LATE_MS = 1500; // how late a request is that a test delays

let stack;
let chrome;
let jar;
let browser;
let page;

before(async () => {
	stack = await startStack();
	chrome = await launch();
	jar = await linkedLocation(stack, { location: "Home" });
});

after(async () => {
	await chrome?.close();
	await stack?.stop();
});

beforeEach(async () => {
	await waitFor(async () => (await openCommands()) === 0, { timeoutMs: 60000, what: "no command of another test" });
	await stack.psql("DELETE FROM command");
	for (const label of ["Coffee machine", "Bedside lamp"])
		await flip(stack, label, "off");
	browser = await openBrowser(chrome, stack, { jar });
	page = await openPage(browser);
	await live(page);
	await shows(page, "Coffee machine", "off");
	await shows(page, "Bedside lamp", "off");
});

afterEach(async () => {
	await stack.control("DELETE", "faults");
	await stack.control("POST", "settings", { hold: false });
	assert.deepEqual(page.errors, []);
	await browser.close();
});

const slider = (label, on = page) => on.getByRole("slider", { name: `Level of ${label}`, exact: true });
const count = async (where) => Number(await stack.psql(`SELECT count(*) FROM command WHERE ${where}`));
const openCommands = () => count("status IN ('requested', 'sent', 'accepted')");

/** Wait until so many commands were stored and all have a result. */
const finished = (number) => waitFor(async () => (await count("true")) === number && (await openCommands()) === 0,
	{ timeoutMs: 60000, what: `${number} commands to have a result` });

/** The first request that a page sends is late; resolves when it is on its way. */
function delayFirst(on = page) {
	return new Promise((resolve) => {
		on.route("**/api/switches/**", async (route) => {
			resolve();
			await sleep(LATE_MS);
			await route.continue();
		}, { times: 1 });
	});
}

test("of two clicks on one tile the later one wins, however late the request of the first is", async () => {
	const first = delayFirst();

	await switchOf(page, "Coffee machine").click();
	await first;
	await switchOf(page, "Coffee machine").click();
	await finished(2);
	assert.equal((await device(stack, "Coffee machine")).status.main.switch.switch.value, "off");
	await shows(page, "Coffee machine", "off");
});

test("of clicks that follow while a request is late only the newest is sent", async () => {
	const first = delayFirst();

	await switchOf(page, "Coffee machine").click();
	await first;
	for (let click = 0; click < 4; click++)
		await switchOf(page, "Coffee machine").click();
	await shows(page, "Coffee machine", "on");
	await finished(2);
	assert.equal((await device(stack, "Coffee machine")).status.main.switch.switch.value, "on");
});

test("of two levels of one dimmer the later one wins, however late the request of the first is", async () => {
	const first = delayFirst();

	await slider("Bedside lamp").fill("30");
	await first;
	await slider("Bedside lamp").fill("70");
	await finished(2);
	assert.equal((await device(stack, "Bedside lamp")).status.main.switchLevel.level.value, 70);
	await waitFor(async () => await slider("Bedside lamp").inputValue() === "70", { what: "the slider to show 70" });
});

test("\"All off\" wins over an earlier click whose request is late", async () => {
	const first = delayFirst();

	await switchOf(page, "Coffee machine").click();
	await first;
	await page.getByRole("button", { name: "All off: Kitchen", exact: true }).click();
	await waitFor(async () => (await count("command = 'off' AND device_id = (SELECT device_id FROM device WHERE name = 'Coffee machine')")) === 1,
		{ what: "the command of all" });
	await waitFor(async () => (await openCommands()) === 0, { what: "its result" });
	assert.equal((await device(stack, "Coffee machine")).status.main.switch.switch.value, "off");
	await shows(page, "Coffee machine", "off");
});

test("of clicks in two browsers the one that arrives later wins, and both pages end equal", async () => {
	const other = await openBrowser(chrome, stack, { jar: await linkedLocation(stack, { location: "Home" }) });
	const second = await openPage(other);
	const first = delayFirst();

	await live(second);
	await switchOf(page, "Coffee machine").click();
	await first;
	await switchOf(second, "Coffee machine").click();
	await switchOf(second, "Coffee machine").click();
	await finished(3);
	assert.equal((await device(stack, "Coffee machine")).status.main.switch.switch.value, "on", "the late one arrived last");
	await shows(page, "Coffee machine", "on");
	await shows(second, "Coffee machine", "on");

	// The first is at the platform while the second arrives.
	await stack.psql("DELETE FROM command");
	await stack.control("POST", "faults", { path: "*/commands", action: "slow", delayMs: LATE_MS });
	await switchOf(page, "Coffee machine").click();
	await waitFor(async () => (await count("status = 'sent'")) === 1, { what: "the command to be sent" });
	await switchOf(second, "Coffee machine").and(second.locator("[aria-busy]")).click();
	await switchOf(second, "Coffee machine").click();
	await finished(3);
	const { value } = (await device(stack, "Coffee machine")).status.main.switch.switch;

	assert.equal(value, await stack.psql("SELECT command FROM command ORDER BY requested_at DESC LIMIT 1"));
	await shows(page, "Coffee machine", value);
	await shows(second, "Coffee machine", value);
	await other.close();
});

test("a click that the server tries for longer than ten seconds stays pending, says so, and ends on", async () => {
	const second = await openPage(browser);

	await live(second);
	for (const on of [page, second]) {
		await on.evaluate(() => {
			window.untrue = [];
			new MutationObserver(() => {
				const tile = document.querySelector('[aria-label="Coffee machine"]').closest(".tile");

				window.wasPending ||= tile.hasAttribute("data-pending");
				if (window.wasPending && !tile.hasAttribute("data-pending") && tile.dataset.state !== "on")
					window.untrue.push("shown as it was");
			}).observe(document.body, { subtree: true, attributes: true, childList: true });
		});
	}
	// Two calls without an answer take longer than ten seconds.
	await stack.control("POST", "faults", { path: "*/commands", action: "hang", count: 2 });
	await switchOf(page, "Coffee machine").click();
	for (const on of [page, second])
		await tileOf(on, "Coffee machine").getByText("Still trying").waitFor();
	await waitFor(() => count("status = 'confirmed'"), { timeoutMs: 60000, what: "the click to succeed" });
	for (const on of [page, second]) {
		await shows(on, "Coffee machine", "on");
		assert.deepEqual(await on.evaluate(() => window.untrue), []);
		assert.equal(await on.locator(".toast").count(), 0);
		assert.equal(await on.getByText("Still trying").count(), 0);
	}
	assert.ok(await count("attempts > 2 OR sent_at > requested_at + interval '10 seconds'"));
});

test("a click while an earlier one fails is sent all the same, and the failure is shown", async () => {
	await stack.control("POST", "faults", { path: "*/commands", action: "status", status: 409 });
	const failed = page.locator(".toast").filter({ hasText: "Coffee machine: " });

	await switchOf(page, "Coffee machine").click();
	await page.route("**/api/switches/**", async (route) => {
		await failed.waitFor();
		await route.continue();
	}, { times: 1 });
	await switchOf(page, "Coffee machine").click();
	await switchOf(page, "Coffee machine").click();
	await waitFor(async () => (await device(stack, "Coffee machine")).status.main.switch.switch.value === "on",
		{ what: "the newest click to be carried out" });
	await shows(page, "Coffee machine", "on");
});
