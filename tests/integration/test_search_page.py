"""The search page in a real browser, before the whole system: who sees what, what it says, and what it never does."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from connectors.alfresco.simulator import sample
from service.demo_files import DemoPerson
from tests.integration.whole_system import DEV_1, MANAGER, WholeSystem, whole_system

pytestmark = pytest.mark.asyncio(loop_scope="module")
async_api = pytest.importorskip("playwright.async_api", reason="playwright is not installed")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# No sandbox, since tests may run as root in a container; no services of the browser's own that ask other hosts.
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WORDS = "carbon footprint"
SUSTAINABILITY = "wellarchitected-sustainability-pillar.pdf"
HOSTILE_TITLE = "<img src=x onerror=document.title='taken'> & co"
HOSTILE_TEXT = "The giraffe says <script>document.title='taken'</script> and <b>nothing</b> else."

COPIED_TEXT = "The lantern in the tower " + " ".join(f"shines on the ships of pier {number}" for number in range(5))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WholeSystem]:
    async with whole_system(Path(tmp_path_factory.mktemp("page"))) as running:
        onprem = running.worlds["onprem"]
        library = onprem.document_library(sample.ONPREM_SITE)
        giraffe = onprem.add_file(library, "giraffe.txt", HOSTILE_TEXT.encode(), mime_type="text/plain")
        onprem.add_comment(
            giraffe,
            "admin",
            "<p>Does a giraffe say that, or does somebody only try what is shown here and what is not?</p>",
        )
        for name in ("lantern.txt", "lantern (copy).txt"):
            onprem.add_file(library, name, COPIED_TEXT.encode(), mime_type="text/plain")
        await running.sync_all()
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Any]:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser is installed (one of {', '.join(BROWSERS)})")
    async with async_api.async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=program, args=OPTIONS)
        yield running
        await running.close()


@pytest_asyncio.fixture(loop_scope="module")
async def page(system: WholeSystem, browser: Any) -> AsyncIterator[Any]:
    """An open search page. Whatever a test does with it, it asks no other host and no script of it fails."""
    context = await browser.new_context()
    opened = await context.new_page()
    asked: list[str] = []
    failures: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    opened.on("pageerror", lambda error: failures.append(str(error)))
    address = str(system.client.base_url)
    await opened.goto(address)
    yield opened
    await context.close()
    assert failures == []
    assert [url for url in asked if not url.startswith(address)] == []


async def apply_token(page: Any, token: str) -> None:
    if not await page.locator("#token").is_visible():
        await page.click("#sign-in summary")
    await page.fill("#token", token)
    await page.click("#identity button[type=submit]")


async def ask(page: Any, words: str) -> None:
    await page.fill("#query", words)
    async with page.expect_response("**/query"):
        await page.press("#query", "Enter")
    await async_api.expect(page.locator("#answer")).to_have_attribute("aria-busy", "false")


async def titles(page: Any) -> list[str]:
    shown: list[str] = await page.locator("#results h2 a").all_inner_texts()
    return shown


async def test_two_people_see_two_answers_to_the_same_words(page: Any, system: WholeSystem) -> None:
    found = {}
    for email in (DEV_1, MANAGER):
        await apply_token(page, system.token_for(email))
        await ask(page, WORDS)
        assert email in await page.inner_text("#reader")
        found[email] = await titles(page)
    assert found[DEV_1][0] == SUSTAINABILITY
    assert SUSTAINABILITY not in found[MANAGER]
    assert SUSTAINABILITY not in await page.content()


async def test_a_facet_narrows_the_answer_and_can_be_taken_back(page: Any, system: WholeSystem) -> None:
    await apply_token(page, system.token_for(DEV_1))
    await ask(page, WORDS)
    before = await titles(page)
    pdf = page.get_by_role("button", name="pdf 1")
    await pdf.click()
    await async_api.expect(pdf).to_have_attribute("aria-pressed", "true")
    await async_api.expect(pdf).to_be_focused()
    assert await titles(page) == [SUSTAINABILITY] != before
    await page.get_by_role("button", name="Remove the filter Type: pdf").click()
    await async_api.expect(page.locator("#results li")).to_have_count(len(before))


async def test_a_year_narrows_the_answer_and_is_told_among_the_filters(page: Any, system: WholeSystem) -> None:
    await apply_token(page, system.token_for(DEV_1))
    await ask(page, "")
    year = page.locator("#facets fieldset", has_text="Changed").get_by_role("button").last
    label, count = (await year.inner_text()).split("\n")
    await year.click()
    remove = page.get_by_role("button", name=f"Remove the filter Changed: {label}")
    await async_api.expect(remove).to_be_visible()
    await async_api.expect(page.locator("#total")).to_have_text(f"{count} document{'s' * (count != '1')}")


async def test_copies_are_one_line_until_they_are_asked_for(page: Any, system: WholeSystem) -> None:
    await apply_token(page, system.token_for(DEV_1))
    await ask(page, '"lantern in the tower"')
    await async_api.expect(page.locator("#results > li")).to_have_count(1)
    await page.get_by_role("button", name="Show documents with the same text").click()
    await async_api.expect(page.locator("#results > li")).to_have_count(2)
    await page.get_by_role("button", name="Show identical copies as one result again").click()
    await async_api.expect(page.locator("#results > li")).to_have_count(1)


async def test_a_comment_that_matches_stands_under_its_document_with_its_author(page: Any, system: WholeSystem) -> None:
    await apply_token(page, system.token_for(DEV_1))
    await ask(page, "giraffe")
    comment = page.get_by_role("list", name="Comments that match").get_by_role("listitem")
    await async_api.expect(comment).to_contain_text("Comment by Administrator")
    await async_api.expect(comment.locator("mark")).to_have_text("giraffe")


async def test_what_is_typed_is_completed_and_taken_by_the_keyboard(page: Any, system: WholeSystem) -> None:
    await apply_token(page, system.token_for(DEV_1))
    field = page.locator("#query")
    await field.press_sequentially("sustainab")
    listed = page.locator("#suggestions [role=option]")
    await async_api.expect(listed.first).to_contain_text("sustainab")
    await field.press("ArrowDown")
    await async_api.expect(listed.first).to_have_attribute("aria-selected", "true")
    chosen = await listed.first.locator("span").first.inner_text()
    async with page.expect_response("**/query"):
        await field.press("Enter")
    assert await field.input_value() == chosen
    await async_api.expect(page.locator("#suggestions")).to_be_hidden()


async def test_suggestions_are_of_what_the_one_who_types_may_read(page: Any, system: WholeSystem) -> None:
    await apply_token(page, system.token_for(MANAGER))
    async with page.expect_response("**/suggest?*") as answered:
        await page.locator("#query").press_sequentially("sustainab")
    assert (await (await answered.value).json())["suggestions"] == []
    await async_api.expect(page.locator("#suggestions")).to_be_hidden()


async def test_escape_closes_the_suggestions_and_keeps_what_was_typed(page: Any, system: WholeSystem) -> None:
    await apply_token(page, system.token_for(DEV_1))
    await page.locator("#query").press_sequentially("sustainab")
    await async_api.expect(page.locator("#suggestions")).to_be_visible()
    await page.press("#query", "Escape")
    await async_api.expect(page.locator("#suggestions")).to_be_hidden()
    assert await page.locator("#query").input_value() == "sustainab"


async def test_a_slip_is_answered_with_the_spelling_that_the_reader_may_know(page: Any, system: WholeSystem) -> None:
    await apply_token(page, system.token_for(DEV_1))
    await ask(page, "giraffee")
    async with page.expect_response("**/query"):
        await page.locator("#spelling").get_by_role("button", name="giraffe").click()
    await async_api.expect(page.locator("#results h2").first).to_contain_text("giraffe.txt")
    assert await page.locator("#query").input_value() == "giraffe"
    await apply_token(page, system.folder.token_for(DemoPerson("Nobody", "nobody@example.com")))
    await ask(page, "giraffee")
    await async_api.expect(page.locator("#spelling")).to_be_hidden()


async def test_matching_words_are_marked(page: Any, system: WholeSystem) -> None:
    await apply_token(page, system.token_for(DEV_1))
    await ask(page, WORDS)
    marked = await page.locator("#results li").first.locator("mark").all_inner_texts()
    assert {word.lower() for word in marked} >= set(WORDS.split())


async def test_without_a_token_the_page_asks_who_is_there(page: Any) -> None:
    await ask(page, WORDS)
    assert "answers only to people it knows" in await page.inner_text("#nothing")
    assert await page.locator("#error").is_hidden()
    assert await page.locator("#token").is_visible()
    assert await titles(page) == []


async def test_a_token_that_proves_nothing_is_told_and_empties_the_page(page: Any, system: WholeSystem) -> None:
    await apply_token(page, system.token_for(DEV_1))
    await ask(page, WORDS)
    assert await titles(page) != []
    await apply_token(page, system.token_for(DEV_1) + "x")
    await async_api.expect(page.locator("#error")).to_contain_text("signature")
    assert await page.inner_text("#reader") == "Your token was not accepted"
    assert await titles(page) == []
    assert await page.locator("#narrow").is_hidden()


async def test_the_public_index_needs_no_token(page: Any) -> None:
    await page.select_option("#index", "public")
    await async_api.expect(page.locator("#total")).to_have_text("5 documents")
    assert await page.locator("#who").is_hidden()


async def test_an_empty_answer_says_so(page: Any, system: WholeSystem) -> None:
    await apply_token(page, system.folder.token_for(DemoPerson("Nobody", "nobody@example.com")))
    await ask(page, WORDS)
    assert f"Nothing found for “{WORDS}”" in await page.inner_text("#nothing")


async def test_markup_in_a_document_is_shown_and_never_obeyed(page: Any, system: WholeSystem) -> None:
    async def with_hostile_titles(route: Any) -> None:
        answer = await (response := await route.fetch()).json()
        for result in answer["results"]:  # Alfresco itself allows no such name; another source may
            result["title"] = HOSTILE_TITLE
        await route.fulfill(response=response, json=answer)

    await page.route("**/query", with_hostile_titles)
    await apply_token(page, system.token_for(DEV_1))
    await ask(page, "giraffe")
    assert (await titles(page))[0] == HOSTILE_TITLE
    first = page.locator("#results li").first
    assert HOSTILE_TEXT in await first.inner_text()
    assert await first.locator("img, script, b").count() == 0
    assert await page.title() == "Sightline"


async def test_a_server_that_cannot_be_reached_is_told(page: Any, system: WholeSystem) -> None:
    await page.context.set_offline(True)
    await apply_token(page, system.token_for(DEV_1))
    await async_api.expect(page.locator("#error")).to_contain_text("cannot be reached")


async def test_a_narrow_window_shows_results_before_facets_unfold(page: Any, system: WholeSystem) -> None:
    await page.set_viewport_size({"width": 390, "height": 844})
    await apply_token(page, system.token_for(DEV_1))
    await ask(page, WORDS)
    assert await page.locator("#facets").is_hidden()
    await page.click("#narrow summary")
    assert await page.locator("#facets").is_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


async def test_words_without_a_blank_do_not_make_the_page_wider_than_the_window(page: Any, system: WholeSystem) -> None:
    await apply_token(page, system.token_for(DEV_1))
    await ask(page, "z" * 500)
    await async_api.expect(page.locator("#nothing")).to_contain_text("Nothing found")
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
