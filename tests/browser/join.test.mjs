// An invitation in real browsers, on phones and without JavaScript: one person makes the link, another one comes in with it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startStack } from "../stack.mjs";
import { launch, linkedLocation, openBrowser, openPage, switchOf } from "./browser.mjs";

const PHONE = { javaScriptEnabled: false, viewport: { width: 390, height: 844 } };
let stack;
let chrome;
let owner;
let link;

before(async () => {
	stack = await startStack({ env: { SWITCHBOARD_SIGN_UP: "invite" } });
	chrome = await launch();
	owner = await openPage(await openBrowser(chrome, stack, { jar: await linkedLocation(stack, { location: "Home" }), ...PHONE }));
	await stack.control("POST", "accounts", { name: "Guest", locations: [{ name: "Flat", devices: [{ name: "Plug", label: "Desk lamp" }] }] });
});

after(async () => {
	await chrome?.close();
	await stack?.stop();
});

/** Whatever can be pressed is on the screen and large enough for a finger. */
async function assertFits(page) {
	for (const button of [...await page.getByRole("button").all(), ...await page.locator("a.button").all()]) {
		const box = await button.boundingBox();

		assert.ok(box.x >= 0 && box.x + box.width <= 390 && box.height >= 44, JSON.stringify(box));
	}
	assert.ok((await page.locator("main").boundingBox()).width <= 390);
}

test("an owner makes a link on the page of signed-in browsers", async () => {
	await owner.getByRole("link", { name: "Signed-in browsers" }).click();
	await owner.getByRole("heading", { name: "Invitations" }).waitFor();
	await owner.getByRole("button", { name: "Make a link" }).click();
	await owner.getByRole("heading", { name: "A link for one person" }).waitFor();
	link = await owner.locator(".link").innerText();
	assert.ok(link.startsWith(`${stack.url}/join/`));
	const { x, width } = await owner.locator(".link").boundingBox();

	assert.ok(x >= 0 && x + width <= 390, "the link fits");
	await assertFits(owner);
	await owner.getByRole("link", { name: "Done" }).click();
	await owner.getByRole("button", { name: "Withdraw" }).waitFor();
	await assertFits(owner);
	assert.equal(await owner.getByRole("button", { name: "Withdraw" }).count(), 1);
});

test("whoever opens it comes to the platform by one button, and back to their own switches", async () => {
	const browser = await openBrowser(chrome, stack, PHONE);
	const page = await openPage(browser, link);

	await page.getByRole("heading", { name: "You are invited" }).waitFor();
	await assertFits(page);
	await page.getByRole("button", { name: "Accept and sign in" }).click();
	await page.waitForURL((url) => url.href.startsWith(stack.simulatorUrl));
	await page.getByLabel("Flat", { exact: true }).check();
	await page.locator("#allow").click();
	await page.waitForURL(`${stack.url}/`);
	await switchOf(page, "Desk lamp").waitFor();
	assert.equal(await page.getByRole("switch").count(), 1);
	assert.deepEqual(page.errors, []);
	await page.goto(link);
	await page.getByRole("heading", { name: "This invitation does not work" }).waitFor();
	await browser.close();
});

test("its maker sees that it was accepted", async () => {
	await owner.reload();
	await owner.getByText("Accepted", { exact: true }).waitFor();
	assert.equal(await owner.getByRole("button", { name: "Withdraw" }).count(), 0);
});
