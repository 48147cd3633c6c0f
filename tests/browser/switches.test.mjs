// The switches, live: what a click does, and what happens in the house.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { startStack, waitFor } from "../stack.mjs";
import { device, flip, houseHas, isMarked, launch, linkedHome, live, mark, openBrowser, openPage, shows, switchOf, tileOf } from "./browser.mjs";

let stack;
let chrome;
let jar;
let browser;
let page;

before(async () => {
	stack = await startStack();
	chrome = await launch();
	jar = await linkedHome(stack, { location: "Home" });
});

after(async () => {
	await chrome?.close();
	await stack?.stop();
});

beforeEach(async () => {
	browser = await openBrowser(chrome, stack, { jar });
	page = await openPage(browser);
	await live(page);
	await mark(page);
});

afterEach(async () => {
	assert.deepEqual(page.complaints, []);
	await stack.control("DELETE", "faults");
	await browser.close();
});

const slider = (label, on = page) => on.getByRole("slider", { name: `Level of ${label}`, exact: true });
const slides = (label, level, on = page) => waitFor(async () => (await slider(label, on).inputValue()) === String(level),
	{ what: `${label} at ${level} on the page` });

test("a click turns the device on, another one off", async () => {
	await shows(page, "Coffee machine", "off");
	await switchOf(page, "Coffee machine").click();
	await shows(page, "Coffee machine", "on");
	await houseHas(stack, "Coffee machine", "on");
	await switchOf(page, "Coffee machine").click();
	await houseHas(stack, "Coffee machine", "off");
	await shows(page, "Coffee machine", "off");
	assert.ok(await isMarked(page));
});

test("a click shows as pending at once, and settles by the event", async () => {
	/* After the page's own listener: what the click did, before any answer. */
	await page.evaluate(() => document.addEventListener("submit", ({ target }) => {
		const { pending, wanted } = target.closest(".tile").dataset;

		window.atOnce = pending !== undefined && wanted;
	}));
	await switchOf(page, "Hall light").click();
	await shows(page, "Hall light", "on");
	assert.equal(await page.evaluate(() => window.atOnce), "on");
	assert.equal(await tileOf(page, "Hall light").and(page.locator("[data-wanted]")).count(), 0);
});

test("the wall switch moves the page without a reload", async () => {
	for (const value of ["off", "on"]) {
		await flip(stack, "Kitchen ceiling", value);
		await shows(page, "Kitchen ceiling", value);
	}
	await tileOf(page, "Kitchen ceiling").getByText("just now").waitFor();
	assert.ok(await isMarked(page));
});

test("space and enter work a switch that has the focus, and it keeps it", async () => {
	await switchOf(page, "Garden pump").focus();
	await page.keyboard.press("Space");
	await shows(page, "Garden pump", "on");
	await page.keyboard.press("Enter");
	await shows(page, "Garden pump", "off");
	assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), "Garden pump");
});

test("a dimmer is set from the page, and follows the house", async () => {
	await slider("Floor lamp").fill("35");
	await waitFor(async () => (await device(stack, "Floor lamp")).status.main.switchLevel.level.value === 35,
		{ what: "the level in the house" });
	await slides("Floor lamp", 35);
	const { deviceId } = await device(stack, "Floor lamp");

	await stack.control("POST", `devices/${deviceId}/level`, { level: 80 });
	await slides("Floor lamp", 80);
});

test("a slider in somebody's hand is not moved by the house", async () => {
	const thumb = slider("Bedside lamp");
	const { deviceId } = await device(stack, "Bedside lamp");

	await thumb.scrollIntoViewIfNeeded();
	const box = await thumb.boundingBox();
	const { total } = await stack.control("GET", "commands");

	await page.mouse.move(box.x + box.width * 0.3, box.y + box.height / 2);
	await page.mouse.down();
	await page.mouse.move(box.x + box.width * 0.6, box.y + box.height / 2, { steps: 8 });
	const inHand = await thumb.inputValue();

	await stack.control("POST", `devices/${deviceId}/level`, { level: 5 });
	await tileOf(page, "Bedside lamp").and(page.locator("[data-level=\"5\"]")).waitFor();
	assert.equal(await thumb.inputValue(), inHand);
	await page.mouse.up();
	await waitFor(async () => String((await device(stack, "Bedside lamp")).status.main.switchLevel.level.value) === inHand,
		{ what: "the level in the house" });
	assert.equal((await stack.control("GET", "commands")).total, total + 1);
});

test("a slider that was put back where it was is the house's again", async () => {
	const { deviceId } = await device(stack, "Bedside lamp");

	// Some browsers tell of no change then.
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

test("a click with the token of another session fetches this one's", async () => {
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
	await houseHas(stack, "TV corner strip", "on", "outlet2");
	await shows(page, "TV corner strip – Console", "on");
	await shows(page, "TV corner strip – Amplifier", "off");
	await flip(stack, "TV corner strip", "off", "outlet1");
	await shows(page, "TV corner strip – Television", "off");
	await shows(page, "TV corner strip", "on");
});

test("all off in a room, all on in the location", async () => {
	await page.getByRole("button", { name: "All off: Living room", exact: true }).click();
	for (const label of ["Floor lamp", "TV corner strip", "TV corner strip – Console"])
		await shows(page, label, "off");
	await page.getByRole("button", { name: "All on: Home", exact: true }).click();
	for (const label of ["Floor lamp", "Hall light", "Garden pump"])
		await shows(page, label, "on");
	await page.getByText("12 of 12 on").waitFor();
	await page.getByRole("button", { name: "All off: Home", exact: true }).click();
	await page.getByText("0 of 12 on").waitFor();
	await waitFor(async () => (await page.locator("[data-pending]").count()) === 0, { what: "all to settle" });
	/* Nothing is left to do: nothing stays pending. */
	await page.getByRole("button", { name: "All off: Hall", exact: true }).click();
	await waitFor(async () => (await page.locator("[data-pending]").count()) === 0, { what: "nothing pending" });
	assert.ok(await isMarked(page));
});

test("a second browser of the same user follows, another user sees nothing", async () => {
	await stack.control("POST", "accounts", { name: "Sam", locations: [{ name: "Flat", rooms: [],
		devices: [{ name: "Smart plug", label: "Desk lamp" }] }] });
	const mine = await openBrowser(chrome, stack, { jar: await linkedHome(stack, { location: "Home" }) });
	const second = await openPage(mine);
	const theirs = await openBrowser(chrome, stack, { jar: await linkedHome(stack, { location: "Flat" }) });
	const stranger = await openPage(theirs);

	await live(second);
	await live(stranger);
	const heard = stranger.evaluate(() => new Promise((resolve) => {
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
	await shows(stranger, "Desk lamp", "on");
	assert.deepEqual([...new Set(await heard)], ["Desk lamp"]);
	assert.equal(await stranger.getByRole("switch").count(), 1);
	assert.equal(await switchOf(page, "Desk lamp").count(), 0);
	await mine.close();
	await theirs.close();
});

test("a label is text, whatever is in it", async () => {
	const label = "Fairy lights <b>\"'& co";

	await switchOf(page, label).waitFor();
	assert.equal(await tileOf(page, label).locator("b").count(), 0);
	await switchOf(page, label).click();
	await shows(page, label, "on");
	const { deviceId } = await device(stack, "Wall switch 2-gang");
	const worse = "<img src=x onerror=\"window.broken=1\"></script><script>window.broken=1</script>";

	await stack.control("POST", `devices/${deviceId}`, { label: worse });
	await switchOf(page, worse).waitFor();
	assert.equal(await page.evaluate(() => window.broken), undefined);
	assert.ok(await isMarked(page));
	await stack.control("POST", `devices/${deviceId}`, { label: "" });
});

test("a refused command goes back, with a message", async () => {
	await shows(page, "Coffee machine", "off");
	await stack.control("POST", "faults", { path: "*/commands", action: "status", status: 409, count: 20 });
	await switchOf(page, "Coffee machine").click();
	await page.locator(".toast").filter({ hasText: "Coffee machine: The device cannot be reached." }).waitFor();
	await shows(page, "Coffee machine", "off");
	await stack.control("DELETE", "faults");
	await switchOf(page, "Coffee machine").click();
	await shows(page, "Coffee machine", "on");
});

test("a command without an answer goes back after ten seconds, with a message", async () => {
	await shows(page, "Coffee machine", "on");
	await stack.control("POST", "faults", { path: "*/commands", action: "hang", count: 20 });
	const since = Date.now();

	await switchOf(page, "Coffee machine").click();
	await page.locator(".toast").filter({ hasText: "Coffee machine: no answer" }).waitFor();
	assert.ok(Date.now() - since >= 9500);
	await shows(page, "Coffee machine", "on");
});

test("a click while Switchboard is out of reach goes back at once", async () => {
	await shows(page, "Hall light", "on");
	await page.route("**/api/**", (route) => route.abort());
	await switchOf(page, "Hall light").click();
	await page.locator(".toast").filter({ hasText: "cannot be reached" }).waitFor();
	await shows(page, "Hall light", "on");
});

test("an offline device is marked, and back again", async () => {
	const { deviceId } = await device(stack, "Hall light");

	await stack.control("POST", `devices/${deviceId}/health`, { state: "OFFLINE" });
	await tileOf(page, "Hall light").getByText("Offline").waitFor();
	await switchOf(page, "Hall light").waitFor();
	await stack.control("POST", `devices/${deviceId}/health`, { state: "ONLINE" });
	await tileOf(page, "Hall light").getByText("Offline").waitFor({ state: "hidden" });
});

test("devices come and go without a reload, and the focus stays", async () => {
	const { locationId, deviceId } = await device(stack, "Hall light");

	await switchOf(page, "Garden pump").focus();
	const made = await stack.control("POST", "devices", { locationId, name: "Smart plug", label: "New plug",
		components: [{ id: "main", capabilities: ["switch"], state: "on" }] });

	await switchOf(page, "New plug").waitFor();
	await shows(page, "New plug", "on");
	assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), "Garden pump");
	await stack.control("DELETE", `devices/${made.deviceId}`);
	await switchOf(page, "New plug").waitFor({ state: "detached" });
	assert.ok(deviceId);
	assert.ok(await isMarked(page));
});

test("a killed streamer costs a moment: the page says so, comes back and misses nothing", async () => {
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

test("while there is no way to the streamer the page says so", async () => {
	await page.route("**/events*", (route) => route.abort());
	/* Waking up opens the stream anew. */
	await page.evaluate(() => window.dispatchEvent(new Event("online")));
	await page.getByText("Connection lost").waitFor();
	await flip(stack, "Kitchen ceiling", "on");
	await page.unroute("**/events*");
	await page.getByText("Connection lost").waitFor({ state: "hidden" });
	await shows(page, "Kitchen ceiling", "on");
});

test("nothing on the page is wider than a small phone", async () => {
	for (const width of [320, 390, 768, 1200]) {
		await page.setViewportSize({ width, height: 800 });
		assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), `${width} px`);
	}
});

test("what is to be tapped is large enough", async () => {
	await page.setViewportSize({ width: 390, height: 844 });
	const small = await page.evaluate(() => [...document.querySelectorAll("a, button, input:not([type=hidden])")]
		.map((item) => ({ name: item.getAttribute("aria-label") ?? item.textContent, box: item.getBoundingClientRect() }))
		.filter(({ box }) => box.width > 0 && (box.height < 44 || box.width < 44))
		.map(({ name, box }) => `${name}: ${box.width} x ${box.height}`));

	assert.deepEqual(small, []);
});
