// The live page of switches: clicks, and changes at the platform.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { continueAll, stopAll } from "../processes.mjs";
import { waitFor } from "../stack.mjs";
import { device, flip, waitForDevice, isMarked, linkedLocation, live, mark, openBrowser, openPage, shows, switchOf, tileOf, useHome } from "./browser.mjs";

let stack, chrome, jar, browser, page;

useHome((home) => ({ stack, chrome, jar } = home));

beforeEach(async () => {
	browser = await openBrowser(chrome, stack, { jar });
	page = await openPage(browser);
	await live(page);
	await mark(page);
});

afterEach(async () => {
	assert.deepEqual(page.errors, []);
	await stack.control("DELETE", "faults");
	await browser.close();
});

const slider = (label, on = page) => on.getByRole("slider", { name: `Level of ${label}`, exact: true });
const slides = (label, level, on = page) => waitFor(async () => (await slider(label, on).inputValue()) === String(level),
	{ what: `${label} to show ${level}` });

test("a click turns the device on, a second one off", async () => {
	await shows(page, "Coffee machine", "off");
	await switchOf(page, "Coffee machine").click();
	await shows(page, "Coffee machine", "on");
	await waitForDevice(stack, "Coffee machine", "on");
	await switchOf(page, "Coffee machine").click();
	await waitForDevice(stack, "Coffee machine", "off");
	await shows(page, "Coffee machine", "off");
	assert.ok(await isMarked(page));
});

test("a click shows as pending at once, until its event", async () => {
	/* Runs after the page's own listener and before any answer. */
	await page.evaluate(() => document.addEventListener("submit", ({ target }) => {
		const { pending, wanted } = target.closest(".tile").dataset;

		window.atOnce = pending !== undefined && wanted;
	}));
	await switchOf(page, "Hall light").click();
	await shows(page, "Hall light", "on");
	assert.equal(await page.evaluate(() => window.atOnce), "on");
	assert.equal(await tileOf(page, "Hall light").and(page.locator("[data-wanted]")).count(), 0);
});

test("a flip by hand changes the page without a reload", async () => {
	for (const value of ["off", "on"]) {
		await flip(stack, "Kitchen ceiling", value);
		await shows(page, "Kitchen ceiling", value);
	}
	await tileOf(page, "Kitchen ceiling").getByText("just now").waitFor();
	assert.ok(await isMarked(page));
});

test("space and enter flip the focused switch, which keeps the focus", async () => {
	await switchOf(page, "Garden pump").focus();
	await page.keyboard.press("Space");
	await shows(page, "Garden pump", "on");
	await page.keyboard.press("Enter");
	await shows(page, "Garden pump", "off");
	assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), "Garden pump");
});

test("a level is set from the page, and a level set by hand appears on it", async () => {
	await slider("Floor lamp").fill("35");
	await waitFor(async () => (await device(stack, "Floor lamp")).status.main.switchLevel.level.value === 35,
		{ what: "the level at the platform" });
	await slides("Floor lamp", 35);
	const { deviceId } = await device(stack, "Floor lamp");

	await stack.control("POST", `devices/${deviceId}/level`, { level: 80 });
	await slides("Floor lamp", 80);
});

test("a slider that is being moved keeps its position when an event comes", async () => {
	const thumb = slider("Bedside lamp");
	const { deviceId } = await device(stack, "Bedside lamp");

	await thumb.scrollIntoViewIfNeeded();
	const box = await thumb.boundingBox();
	const { total } = await stack.control("GET", "commands");
	let release;
	const event = new Promise((resolve) => (release = resolve));

	/* Levels are sent while it moves: not before the event has come. */
	await page.route("**/api/switches/**", async (route) => {
		await event;
		await route.continue();
	});
	await page.mouse.move(box.x + box.width * 0.3, box.y + box.height / 2);
	await page.mouse.down();
	await page.mouse.move(box.x + box.width * 0.6, box.y + box.height / 2, { steps: 8 });
	const position = await thumb.inputValue();

	await stack.control("POST", `devices/${deviceId}/level`, { level: 5 });
	await tileOf(page, "Bedside lamp").and(page.locator("[data-level=\"5\"]")).waitFor();
	assert.equal(await thumb.inputValue(), position);
	release();
	await page.mouse.up();
	await waitFor(async () => String((await device(stack, "Bedside lamp")).status.main.switchLevel.level.value) === position,
		{ what: "the level at the platform" });
	await shows(page, "Bedside lamp", "on");
	assert.equal(await thumb.inputValue(), position);
	const { commands } = await stack.control("GET", "commands");

	assert.ok(commands.length > total);
	assert.deepEqual(commands.at(-1).arguments, [Number(position)]);
	await page.unroute("**/api/switches/**");
});

test("a slider that was moved back to its old position follows events again", async () => {
	const { deviceId } = await device(stack, "Bedside lamp");

	// Some browsers fire no change event then.
	await slider("Bedside lamp").evaluate((thumb) => {
		thumb.dispatchEvent(new Event("input", { bubbles: true }));
		thumb.dispatchEvent(new PointerEvent("pointerup", { bubbles: true }));
	});
	for (const level of [17, 71]) {
		await stack.control("POST", `devices/${deviceId}/level`, { level });
		await tileOf(page, "Bedside lamp").and(page.locator(`[data-level="${level}"]`)).waitFor();
	}
	await slides("Bedside lamp", 71);
});

test("after a click with an outdated CSRF token the page has the current one", async () => {
	const token = () => page.locator('meta[name="csrf-token"]').getAttribute("content");
	const good = await token();

	await page.evaluate(() => (document.querySelector('meta[name="csrf-token"]').content = "of another session"));
	await switchOf(page, "Hall light").click();
	await page.locator(".toast").filter({ hasText: "Hall light" }).waitFor();
	await waitFor(async () => (await token()) === good, { what: "the token of this session" });
});

test("the outlets of a power strip are switches of their own, in their order", async () => {
	const labels = await page.locator(".room", { hasText: "Living room" }).getByRole("switch").evaluateAll(
		(items) => items.map((item) => item.getAttribute("aria-label")));

	assert.deepEqual(labels.slice(-4), ["TV corner strip", "TV corner strip – Television", "TV corner strip – Console",
		"TV corner strip – Amplifier"]);
	await switchOf(page, "TV corner strip – Console").click();
	await waitForDevice(stack, "TV corner strip", "on", "outlet2");
	await shows(page, "TV corner strip – Console", "on");
	await shows(page, "TV corner strip – Amplifier", "off");
	await flip(stack, "TV corner strip", "off", "outlet1");
	await shows(page, "TV corner strip – Television", "off");
	await shows(page, "TV corner strip", "on");
});

test("buttons turn all switches of a room off and of a location on", async () => {
	await page.getByRole("button", { name: "All off: Living room", exact: true }).click();
	for (const label of ["Floor lamp", "TV corner strip", "TV corner strip – Console"])
		await shows(page, label, "off");
	await page.getByRole("button", { name: "All on: Home", exact: true }).click();
	for (const label of ["Floor lamp", "Hall light", "Garden pump"])
		await shows(page, label, "on");
	await page.getByText("12 of 12 on").waitFor();
	await page.getByRole("button", { name: "All off: Home", exact: true }).click();
	await page.getByText("0 of 12 on").waitFor();
	await waitFor(async () => (await page.locator("[data-pending]").count()) === 0, { what: "no switch to be pending" });
	/* A command for switches that are off already leaves none pending. */
	await page.getByRole("button", { name: "All off: Hall", exact: true }).click();
	await waitFor(async () => (await page.locator("[data-pending]").count()) === 0, { what: "nothing pending" });
	assert.ok(await isMarked(page));
});

test("a second browser of the same user shows the change, another user's gets no event", async () => {
	await stack.control("POST", "accounts", { name: "Sam", locations: [{ name: "Flat", rooms: [],
		devices: [{ name: "Smart plug", label: "Desk lamp" }] }] });
	const mine = await openBrowser(chrome, stack, { jar: await linkedLocation(stack, { location: "Home" }) });
	const second = await openPage(mine);
	const theirs = await openBrowser(chrome, stack, { jar: await linkedLocation(stack, { location: "Flat" }) });
	const otherUser = await openPage(theirs);

	await live(second);
	await live(otherUser);
	const labels = otherUser.evaluate(() => new Promise((resolve) => {
		const seen = [];
		const source = new EventSource(`/events?cursor=${encodeURIComponent(document.body.dataset.cursor)}`);

		source.addEventListener("switch", (event) => {
			seen.push(JSON.parse(event.data).label);
			if (seen.includes("Desk lamp"))
				resolve(seen);
		});
	}));

	await shows(second, "Hall light", "off");
	await switchOf(page, "Hall light").click();
	await shows(second, "Hall light", "on");
	await flip(stack, "Desk lamp", "on");
	await shows(otherUser, "Desk lamp", "on");
	assert.deepEqual([...new Set(await labels)], ["Desk lamp"]);
	assert.equal(await otherUser.getByRole("switch").count(), 1);
	assert.equal(await switchOf(page, "Desk lamp").count(), 0);
	await mine.close();
	await theirs.close();
});

test("a label with markup is shown as text", async () => {
	const label = "Fairy lights <b>\"'& co";

	await switchOf(page, label).waitFor();
	assert.equal(await tileOf(page, label).locator("b").count(), 0);
	await switchOf(page, label).click();
	await shows(page, label, "on");
	const { deviceId } = await device(stack, "Wall switch 2-gang");
	const markup = "<img src=x onerror=\"window.broken=1\"></script><script>window.broken=1</script>";

	await stack.control("POST", `devices/${deviceId}`, { label: markup });
	await switchOf(page, markup).waitFor();
	assert.equal(await page.evaluate(() => window.broken), undefined);
	assert.ok(await isMarked(page));
	await stack.control("POST", `devices/${deviceId}`, { label: "" });
});

test("a refused command shows the old state and a message", async () => {
	await shows(page, "Coffee machine", "off");
	await stack.control("POST", "faults", { path: "*/commands", action: "status", status: 409, count: 20 });
	await switchOf(page, "Coffee machine").click();
	await page.locator(".toast").filter({ hasText: "Coffee machine: The device cannot be reached." }).waitFor();
	await shows(page, "Coffee machine", "off");
	await stack.control("DELETE", "faults");
	await switchOf(page, "Coffee machine").click();
	await shows(page, "Coffee machine", "on");
});

test("a command without an answer stays pending until the server gives up, and then shows the old state and a message", async () => {
	await shows(page, "Coffee machine", "on");
	await stack.control("POST", "faults", { path: "*/commands", action: "hang", count: 20 });
	await switchOf(page, "Coffee machine").click();
	await tileOf(page, "Coffee machine").getByText("Still trying").waitFor();
	await page.locator(".toast").filter({ hasText: "Coffee machine: " }).waitFor({ timeout: 90000 });
	assert.equal(await stack.psql("SELECT status || ':' || error FROM command ORDER BY requested_at DESC LIMIT 1"), "failed:expired");
	await shows(page, "Coffee machine", "on");
	assert.equal(await tileOf(page, "Coffee machine").getByText("Still trying").count(), 0);
});

test("a click that waits to be sent says so in every browser, and is no failure after ten seconds", async () => {
	const pids = stack.pids("switchboard-worker");
	const second = await openPage(browser);
	const waits = (on) => tileOf(on, "Garden pump").getByText("Waiting to be sent");
	const wanted = await switchOf(page, "Garden pump").getAttribute("aria-checked") === "true" ? "off" : "on";

	await live(second);
	await stopAll(pids);
	try {
		await switchOf(page, "Garden pump").click();
		const since = Date.now();

		await waits(page).waitFor();
		await waits(second).waitFor();
		await waits(await openPage(browser)).waitFor();
		await waitFor(() => Date.now() - since > 12000, { timeoutMs: 60000, what: "longer than a click waits for an answer" });
		assert.equal(await waits(page).count(), 1);
		assert.equal(await page.locator(".toast").count(), 0);
	} finally {
		continueAll(pids);
	}
	for (const each of [page, second]) {
		await shows(each, "Garden pump", wanted);
		await waits(each).waitFor({ state: "detached" });
	}
});

test("a click while Switchboard cannot be reached shows the old state and a message", async () => {
	await shows(page, "Hall light", "on");
	await page.route("**/api/**", (route) => route.abort());
	await switchOf(page, "Hall light").click();
	await page.locator(".toast").filter({ hasText: "cannot be reached" }).waitFor();
	await shows(page, "Hall light", "on");
});

test("a device is marked while it is offline", async () => {
	const { deviceId } = await device(stack, "Hall light");

	await stack.control("POST", `devices/${deviceId}/health`, { state: "OFFLINE" });
	await tileOf(page, "Hall light").getByText("Offline").waitFor();
	await switchOf(page, "Hall light").waitFor();
	await stack.control("POST", `devices/${deviceId}/health`, { state: "ONLINE" });
	await tileOf(page, "Hall light").getByText("Offline").waitFor({ state: "hidden" });
});

test("devices are added and removed without a reload, and the focus stays", async () => {
	const { locationId, deviceId } = await device(stack, "Hall light");

	await switchOf(page, "Garden pump").focus();
	const made = await stack.control("POST", "devices", { locationId, name: "Smart plug", label: "New plug",
		components: [{ id: "main", capabilities: ["switch"], state: "on" }] });

	/* Readings that follow each other, as after the tests before, are paced. */
	await switchOf(page, "New plug").waitFor({ timeout: 120000 });
	await shows(page, "New plug", "on");
	assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), "Garden pump");
	await stack.control("DELETE", `devices/${made.deviceId}`);
	await switchOf(page, "New plug").waitFor({ state: "detached" });
	assert.ok(deviceId);
	assert.ok(await isMarked(page));
});

test("after kill -9 of the streamer the page reconnects and misses no change", async () => {
	for (const pid of stack.pids("switchboard-events"))
		process.kill(pid, "SIGSTOP");
	const [old] = stack.pids("switchboard-events");

	await shows(page, "Kitchen ceiling", "off");
	process.kill(old, "SIGKILL");
	await flip(stack, "Kitchen ceiling", "on");
	await shows(page, "Kitchen ceiling", "on");
	await flip(stack, "Kitchen ceiling", "off");
	await shows(page, "Kitchen ceiling", "off");
	assert.notEqual(stack.pids("switchboard-events")[0], old);
	assert.ok(await isMarked(page));
});

test("while the stream cannot be opened the page says that the connection is lost", async () => {
	await page.route("**/events*", (route) => route.abort());
	/* The event opens a new stream. */
	await page.evaluate(() => window.dispatchEvent(new Event("online")));
	await page.getByText("Connection lost").waitFor();
	await flip(stack, "Kitchen ceiling", "on");
	await page.unroute("**/events*");
	await page.getByText("Connection lost").waitFor({ state: "hidden" });
	await shows(page, "Kitchen ceiling", "on");
});

test("the page fits screens from 320 px width", async () => {
	for (const width of [320, 390, 768, 1200]) {
		await page.setViewportSize({ width, height: 800 });
		assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), `${width} px`);
	}
});

test("links, buttons and inputs are at least 44 px high and wide", async () => {
	await page.setViewportSize({ width: 390, height: 844 });
	const small = await page.evaluate(() => [...document.querySelectorAll("a, button, input:not([type=hidden])")]
		.map((item) => ({ name: item.getAttribute("aria-label") ?? item.textContent, box: item.getBoundingClientRect() }))
		.filter(({ box }) => box.width > 0 && (box.height < 44 || box.width < 44))
		.map(({ name, box }) => `${name}: ${box.width} x ${box.height}`));

	assert.deepEqual(small, []);
});
