// Linking, a second location, reconnecting, disconnecting and logging out in a browser.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startStack, waitFor } from "../stack.mjs";
import { isMarked, launch, linkedLocation, live, mark, openBrowser, openPage, shows, switchOf } from "./browser.mjs";

let stack;
let chrome;

before(async () => {
	stack = await startStack();
	chrome = await launch();
});

after(async () => {
	await chrome?.close();
	await stack?.stop();
});

async function chooseAndAllow(page, location) {
	await page.getByLabel(location, { exact: true }).check();
	await page.locator("#allow").click();
}

test("a visitor signs in and chooses a location, and its switches appear without a reload", async () => {
	const browser = await openBrowser(chrome, stack);
	const page = await openPage(browser);

	await page.getByRole("link", { name: "Sign in with SmartThings" }).click();
	assert.ok(page.url().startsWith(stack.simulatorUrl));
	await chooseAndAllow(page, "Home");
	await page.waitForURL(`${stack.url}/`);
	await mark(page);
	await shows(page, "Kitchen ceiling", "on");
	assert.ok(await isMarked(page));
	assert.equal(await page.getByRole("switch").count(), 12);
	assert.deepEqual(page.errors, []);
	await browser.close();
});

test("declining shows a page that says so, with a link to try again", async () => {
	const browser = await openBrowser(chrome, stack);
	const page = await openPage(browser);

	await page.getByRole("link", { name: "Sign in with SmartThings" }).click();
	await page.getByLabel("Home", { exact: true }).check();
	await page.locator("#deny").click();
	await page.getByRole("heading", { name: "You declined" }).waitFor();
	await page.getByRole("link", { name: "Try again" }).click();
	assert.ok(page.url().startsWith(stack.simulatorUrl));
	await browser.close();
});

test("a first sync shows its progress", async () => {
	const browser = await openBrowser(chrome, stack);
	const page = await openPage(browser, "/oauth/start");
	const workers = stack.pids("switchboard-worker");

	for (const pid of workers)
		process.kill(pid, "SIGSTOP");
	try {
		await chooseAndAllow(page, "Lake cabin");
		await page.getByText("Looking for your switches").waitFor();
	} finally {
		for (const pid of workers)
			process.kill(pid, "SIGCONT");
	}
	await shows(page, "Boathouse relay", null);
	await page.getByText("Looking for your switches").waitFor({ state: "detached" });
	await browser.close();
});

test("a second location appears on the same page", async () => {
	const browser = await openBrowser(chrome, stack, { jar: await linkedLocation(stack, { location: "Home" }) });
	const page = await openPage(browser);

	await page.getByRole("link", { name: "Add a location" }).click();
	await chooseAndAllow(page, "Lake cabin");
	await switchOf(page, "Porch light").waitFor();
	await page.getByRole("heading", { name: "Home", exact: true }).waitFor();
	await page.getByRole("heading", { name: "Lake cabin", exact: true }).waitFor();
	await browser.close();
});

test("a location whose tokens are revoked shows a banner, and works again after linking", async () => {
	const browser = await openBrowser(chrome, stack, { jar: await linkedLocation(stack, { location: "Home" }) });
	const page = await openPage(browser);

	await live(page);
	const { installationId } = (await page.evaluate(async () => (await fetch("/api/switches")).json()))
		.switches.find((item) => item.location === "Home");

	await stack.control("POST", "tokens/revoke", { installedAppId: installationId });
	await stack.psql(`UPDATE switchboard.token SET expires_at = now() WHERE installation_id = '${installationId}';
		UPDATE switchboard.work SET run_at = now() WHERE installation_id = '${installationId}' AND kind = 'refresh'`);
	await stack.psql("SELECT switchboard.wake('switchboard_work', '')");
	const banner = page.getByRole("alert");

	await banner.waitFor();
	await switchOf(page, "Hall light").click();
	await page.locator(".toast").filter({ hasText: "linked again" }).waitFor();
	await banner.getByRole("link", { name: "Reconnect" }).click();
	await chooseAndAllow(page, "Home");
	await page.waitForURL(`${stack.url}/`);
	await shows(page, "Kitchen ceiling", "on");
	assert.equal(await banner.count(), 0);
	await browser.close();
});

test("logging out in one tab shows the sign-in in the other", async () => {
	const browser = await openBrowser(chrome, stack, { jar: await linkedLocation(stack, { location: "Home" }) });
	const first = await openPage(browser);
	const second = await openPage(browser);

	await live(second);
	await first.getByRole("button", { name: "Log out" }).click();
	for (const page of [first, second])
		await page.getByRole("link", { name: "Sign in with SmartThings" }).waitFor();
	await browser.close();
});

test("a click after the session ended elsewhere shows the sign-in", async () => {
	const browser = await openBrowser(chrome, stack, { jar: await linkedLocation(stack, { location: "Home" }) });
	const page = await openPage(browser);

	await live(page); // opened without the cookie, the stream would show the sign-in by itself
	await browser.clearCookies();
	await switchOf(page, "Hall light").click();
	await page.getByRole("link", { name: "Sign in with SmartThings" }).waitFor();
	await browser.close();
});

test("disconnecting asks first, and removes only that location", async () => {
	const browser = await openBrowser(chrome, stack, { jar: await linkedLocation(stack, { location: "Home" }) });
	const page = await openPage(browser);
	const other = await openPage(browser);

	await live(other);
	await page.getByRole("link", { name: "Disconnect Lake cabin" }).click();
	await page.getByRole("heading", { name: "Disconnect Lake cabin?" }).waitFor();
	await page.getByRole("link", { name: "Keep it" }).click();
	await switchOf(page, "Porch light").waitFor();
	await page.getByRole("link", { name: "Disconnect Lake cabin" }).click();
	await page.getByRole("button", { name: "Disconnect" }).click();
	await switchOf(page, "Kitchen ceiling").waitFor();
	assert.equal(await switchOf(page, "Porch light").count(), 0);
	await switchOf(other, "Porch light").waitFor({ state: "detached" });
	await switchOf(other, "Kitchen ceiling").waitFor();
	await waitFor(async () => {
		const { installedApps } = await stack.control("GET", "state");

		return Object.values(installedApps).filter((app) => app.installedAppStatus !== "REMOVED").length === 1;
	}, { what: "the uninstall at the platform" });
	await browser.close();
});

test("removing the app at the platform shows the sign-in", async () => {
	const browser = await openBrowser(chrome, stack, { jar: await linkedLocation(stack, { location: "Home" }) });
	const page = await openPage(browser);

	await live(page);
	const { installationId } = (await page.evaluate(async () => (await fetch("/api/switches")).json())).switches[0];

	await stack.control("POST", "uninstall", { installedAppId: installationId });
	await page.getByRole("link", { name: "Sign in with SmartThings" }).waitFor();
	await browser.close();
});
