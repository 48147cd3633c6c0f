// Clicks whose requests are late, beside each other, or without a result: the page tells the truth.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { sleep, waitFor } from "../stack.mjs";
import { device, flip, linkedLocation, live, openBrowser, openPage, shows, switchOf, tileOf, useHome } from "./browser.mjs";

const LATE_MS = 1500; // how late at least a request is that a test delays
const SLOW_MS = 5000; // how long the platform takes for a command: less than the worker waits

let stack, chrome, jar, browser, page;

useHome((home) => ({ stack, chrome, jar } = home));

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
	await stack.control("POST", "settings", { hold: false, rampMs: 0 });
	assert.deepEqual(page.errors, []);
	await browser.close();
});

const slider = (label, on = page) => on.getByRole("slider", { name: `Level of ${label}`, exact: true });
const count = async (where) => Number(await stack.psql(`SELECT count(*) FROM command WHERE ${where}`));
const openCommands = () => count("status IN ('requested', 'sent', 'accepted')");

/** Wait until so many commands were stored and all have a result. */
const finished = (number) => waitFor(async () => (await count("true")) === number && (await openCommands()) === 0,
	{ timeoutMs: 60000, what: `${number} commands to have a result` });

/** The first request that a page sends is late; resolves, when it is on its way, with what lets it go on. */
function delayFirst(on = page) {
	return new Promise((resolve) => {
		on.route("**/api/switches/**", async (route) => {
			await Promise.all([sleep(LATE_MS), new Promise(resolve)]);
			await route.continue();
		}, { times: 1 });
	});
}

test("of two clicks on one tile the later one wins, however late the request of the first is", async () => {
	const first = delayFirst();

	await switchOf(page, "Coffee machine").click();
	const goOn = await first;

	await switchOf(page, "Coffee machine").click();
	goOn();
	await finished(2);
	assert.equal((await device(stack, "Coffee machine")).status.main.switch.switch.value, "off");
	await shows(page, "Coffee machine", "off");
});

test("of clicks that follow while a request is late only the newest is sent", async () => {
	const first = delayFirst();

	await switchOf(page, "Coffee machine").click();
	const goOn = await first;

	for (let click = 0; click < 4; click++)
		await switchOf(page, "Coffee machine").click();
	goOn();
	await shows(page, "Coffee machine", "on");
	await finished(2);
	assert.equal((await device(stack, "Coffee machine")).status.main.switch.switch.value, "on");
});

test("of two levels of one dimmer the later one wins, however late the request of the first is", async () => {
	const first = delayFirst();

	await slider("Bedside lamp").fill("30");
	const goOn = await first;

	await slider("Bedside lamp").fill("70");
	goOn();
	await finished(2);
	assert.equal((await device(stack, "Bedside lamp")).status.main.switchLevel.level.value, 70);
	await waitFor(async () => await slider("Bedside lamp").inputValue() === "70", { what: "the slider to show 70" });
});

test("\"All off\" wins over an earlier click whose request is late", async () => {
	const first = delayFirst();

	await switchOf(page, "Coffee machine").click();
	const goOn = await first;

	await page.getByRole("button", { name: "All off: Kitchen", exact: true }).click();
	goOn();
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
	const goOn = await first;

	await switchOf(second, "Coffee machine").click();
	await switchOf(second, "Coffee machine").click();
	await waitFor(async () => (await count("true")) === 2, { what: "the clicks of the other browser" });
	goOn();
	await finished(3);
	assert.equal((await device(stack, "Coffee machine")).status.main.switch.switch.value, "on", "the late one arrived last");
	await shows(page, "Coffee machine", "on");
	await shows(second, "Coffee machine", "on");

	// The first is at the platform while the second arrives.
	await stack.psql("DELETE FROM command");
	await stack.control("POST", "faults", { path: "*/commands", action: "slow", delayMs: SLOW_MS });
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
	await stack.control("POST", "faults", { path: "*/commands", action: "status", status: 409, delayMs: LATE_MS });
	await Promise.all([page.waitForResponse("**/api/switches/**"), switchOf(page, "Coffee machine").click()]);
	// The next ones wait here until the first has failed.
	await page.route("**/api/switches/**", async (route) => {
		await page.locator(".toast").filter({ hasText: "Coffee machine: " }).waitFor();
		await route.continue();
	}, { times: 1 });
	await switchOf(page, "Coffee machine").click();
	await switchOf(page, "Coffee machine").click();
	const wanted = await tileOf(page, "Coffee machine").getAttribute("data-wanted");

	await waitFor(async () => await stack.psql("SELECT command || ' ' || status FROM command ORDER BY requested_at DESC LIMIT 1") ===
		`${wanted} confirmed`, { what: "the newest click to be carried out" });
	await shows(page, "Coffee machine", wanted);
	await waitFor(async () => (await device(stack, "Coffee machine")).status.main.switch.switch.value === wanted,
		{ what: "the device" });
});

/** Note every value that a slider shows from now on. */
const noteLevels = (label, on) => slider(label, on).evaluate((thumb) => {
	const name = thumb.getAttribute("aria-label");

	window.levels = [thumb.value];
	setInterval(() => {
		const { value } = document.querySelector(`[aria-label="${name}"]`);

		if (window.levels.at(-1) !== value)
			window.levels.push(value);
	}, 5);
});

test("a dimmer that ramps to its level does not move the slider before it has arrived, on any page", async () => {
	const second = await openPage(browser);

	await live(second);
	await stack.control("POST", `devices/${(await device(stack, "Bedside lamp")).deviceId}/level`, { level: 7 });
	for (const on of [page, second]) {
		await waitFor(async () => await slider("Bedside lamp", on).inputValue() === "7", { what: "the level before" });
		await shows(on, "Bedside lamp", "on");
		await noteLevels("Bedside lamp", on);
	}
	await stack.control("POST", "settings", { rampMs: 700 });
	await slider("Bedside lamp").fill("80");
	await finished(1);
	for (const on of [page, second]) {
		await waitFor(async () => await slider("Bedside lamp", on).inputValue() === "80", { what: "the level" });
		await shows(on, "Bedside lamp", "on");
		assert.deepEqual(await on.evaluate(() => window.levels), ["7", "80"]);
	}
	assert.deepEqual(await stack.psql(`SELECT string_agg(value #>> '{}', ',' ORDER BY received_at) FROM
		(SELECT * FROM event WHERE attribute = 'level' AND device_id = (SELECT device_id FROM device WHERE name = 'Bedside lamp')
		ORDER BY received_at DESC LIMIT 3) e`), "20,45,80", "the lamp did ramp");
});

test("a slider under a finger is not moved by a ramp", async () => {
	await stack.control("POST", `devices/${(await device(stack, "Bedside lamp")).deviceId}/level`, { level: 7 });
	await waitFor(async () => await slider("Bedside lamp").inputValue() === "7", { what: "the level before" });
	await stack.control("POST", "settings", { rampMs: 700 });
	const thumb = slider("Bedside lamp");

	await thumb.scrollIntoViewIfNeeded();
	const box = await thumb.boundingBox();

	await thumb.fill("80");
	await waitFor(() => count("status IN ('sent', 'accepted')"), { what: "the command to be sent" });
	await page.mouse.move(box.x + box.width * 0.5, box.y + box.height / 2);
	await page.mouse.down();
	const held = await thumb.inputValue();

	await noteLevels("Bedside lamp", page);
	await waitFor(async () => (await count("true")) > 0 && (await openCommands()) === 0, { timeoutMs: 60000, what: "the ramps to end" });
	assert.deepEqual(await page.evaluate(() => window.levels), [held]);
	await page.mouse.up();
	await waitFor(async () => String((await device(stack, "Bedside lamp")).status.main.switchLevel.level.value) === held,
		{ what: "the level of the finger" });
});

test("a level that the lamp had before it was turned off is confirmed when it reports that it is on", async () => {
	const { deviceId } = await device(stack, "Bedside lamp");

	await stack.control("POST", `devices/${deviceId}/level`, { level: 75 });
	await flip(stack, "Bedside lamp", "off");
	await shows(page, "Bedside lamp", "off");
	await slider("Bedside lamp").evaluate((thumb) => {
		for (const type of ["input", "change"])
			thumb.dispatchEvent(new Event(type, { bubbles: true }));
	});
	await finished(1);
	assert.equal(await stack.psql("SELECT status || ' ' || level FROM command"), "confirmed 75");
	await shows(page, "Bedside lamp", "on");
});

test("a slider that moves for long sends at most four levels a second, and always the last one", async () => {
	const sent = [];

	page.on("request", (request) => {
		if (request.method() === "POST")
			sent.push(request.postDataJSON().level);
	});
	await waitFor(async () => slider("Bedside lamp").isEnabled(), { what: "the slider" });
	const move = (from, to) => slider("Bedside lamp").evaluate(async (thumb, [first, last]) => {
		const begin = performance.now();

		for (let level = first; level <= last; level++) {
			thumb.value = level;
			thumb.dispatchEvent(new Event("input", { bubbles: true }));
			await new Promise((resolve) => setTimeout(resolve, 40));
		}
		return performance.now() - begin;
	}, [from, to]);
	const ms = await move(10, 60);

	await waitFor(() => sent.length > 0, { what: "a level while it moves" });
	assert.ok(sent.length <= ms / 250 + 1, `${sent.length} in ${ms} ms`);
	await move(60, 85);
	await slider("Bedside lamp").evaluate((thumb) => thumb.dispatchEvent(new Event("change", { bubbles: true })));
	await waitFor(async () => (await device(stack, "Bedside lamp")).status.main.switchLevel.level.value === 85,
		{ what: "the last level" });
	assert.equal(sent.at(-1), 85);
	assert.ok(sent.length <= 7, `room for the last one in SmartThings' limit, after ${sent.length}`);
	await waitFor(async () => (await openCommands()) === 0, { timeoutMs: 60000, what: "its result" });
	await shows(page, "Bedside lamp", "on");
	assert.equal(await slider("Bedside lamp").inputValue(), "85");
});

test("a level that could not be sent while the slider moved is sent when it is released", async () => {
	const say = (thumb, name) => thumb.evaluate((element, type) => element.dispatchEvent(new Event(type, { bubbles: true })), name);
	const thumb = slider("Bedside lamp");

	await page.route("**/api/switches/**", (route) => route.fulfill({ status: 503, json: { error: { code: "unavailable", message: "not now" } } }),
		{ times: 1 });
	await waitFor(() => thumb.isEnabled(), { what: "the slider" });
	await thumb.evaluate((element) => (element.value = 35));
	await say(thumb, "input");
	await page.getByText("Bedside lamp: ").waitFor();
	await say(thumb, "change");
	await finished(1);
	assert.equal((await device(stack, "Bedside lamp")).status.main.switchLevel.level.value, 35);
});
