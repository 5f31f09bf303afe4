"""The two sample repositories: one on premises, one in the cloud, with the people, groups and permissions of each.

Who may read what, and by which means, is a table in README.md beside this file. Restrictions are set in the ways that
administrators set them: site membership, a folder or file with inheritance switched off, a local denial. A document
belongs to `admin` unless one of its readers created it, so that no ownership opens what the permissions close.
"""

from connectors.alfresco.simulator.model import Node
from connectors.alfresco.simulator.node_store import ADMIN
from connectors.alfresco.simulator.sample.furnish import add_crawler, add_person, comment, on_day, publish, restrict
from connectors.alfresco.simulator.world import World

INDEX_CONTROL = "awskendra:indexControl"
"""The aspect that marks the documents of the repository folder which are to be indexed."""

ONPREM_SITE = "MyAlfrescoSite"
ONPREM_FOLDER = "MyAlfrescoRepoFolder1"
CLOUD_PRIVATE_SITE = "MyAlfrescoCloudSite2"
CLOUD_PUBLIC_SITE = "MyAlfrescoCloudPublicSite"


def onprem_world() -> World:
    """Builds the on-premises repository: a private site, and a folder of partly marked documents."""
    world = World(name="onprem", edition="Community")
    with world.at(on_day(1)):
        _settle_onprem(world)
    _fill_onprem_site(world)
    _fill_onprem_folder(world)
    return world


def cloud_world() -> World:
    """Builds the cloud repository: a private and a public site."""
    world = World(name="cloud", edition="Enterprise")
    with world.at(on_day(1)):
        _settle_cloud(world)
    _fill_cloud_private_site(world)
    _fill_cloud_public_site(world)
    return world


# -- on premises -------------------------------------------------------------------------------------------------------


def _settle_onprem(world: World) -> None:
    add_crawler(world)
    add_person(world, "mydevuser1", "My Dev User1", email="my.dev.user1@example.com", job_title="Developer")
    add_person(world, "mydevuser2", "My Dev User2", email="my.dev.user2@example.com", job_title="Developer")
    add_person(world, "mymanageruser3", "My Manager User3", email="my.manager.user3@example.com", job_title="Manager")
    add_person(world, "mydevuser4", "My Dev User4", email="my.dev.user4@example.com", enabled=False)
    add_person(world, "mycontractor5", "My Contractor User5", job_title="Sound engineer")
    add_person(world, "outsider", "Unrelated Outsider", email="outsider@example.com")
    world.add_group("GROUP_voice_project", members=["mydevuser1"], display_name="Voice project")
    world.add_group("GROUP_developers", members=["mydevuser1", "mydevuser2", "mydevuser4"], display_name="Developers")
    world.add_group("GROUP_contractors", members=["mycontractor5"], display_name="Contractors")
    world.add_group("GROUP_engineering", members=["GROUP_developers", "GROUP_contractors"], display_name="Engineering")
    world.add_group("GROUP_management", members=["mymanageruser3"], display_name="Management")


def _fill_onprem_site(world: World) -> None:
    with world.at(on_day(4)):
        world.add_site(
            ONPREM_SITE,
            title="My Alfresco Site",
            description="Plans, handbooks and reference material of the product group",
            visibility="PRIVATE",
            members={"GROUP_developers": "SiteCollaborator", "GROUP_management": "SiteManager"},
        )
        library = world.document_library(ONPREM_SITE)
        plans = world.add_folder(library, "Plans")
        architecture = world.add_folder(library, "Architecture")
        restrict(world, architecture, ("GROUP_developers", "Collaborator"))
    _add_budget(world, plans)
    _add_pillar(world, architecture)
    _add_handbook(world, library)
    publish(
        world, library, "WorldPopulation.csv", title="World population by country", at=on_day(8), creator="mydevuser2"
    )


def _add_budget(world: World, folder: Node) -> None:
    budget = publish(world, folder, "ChannelMarketingBudget.xlsx", title="Channel marketing budget", at=on_day(5))
    restrict(world, budget, ("GROUP_management", "Collaborator"))
    comment(
        world,
        budget,
        author="mymanageruser3",
        at=on_day(12, hour=15),
        html="<p>The autumn fair moved by a week; please shift 8,000 from <em>September</em> to October.</p>",
    )


def _add_pillar(world: World, folder: Node) -> None:
    name = "wellarchitected-sustainability-pillar.pdf"
    pillar = publish(world, folder, name, title="Sustainability pillar", at=on_day(6))
    comment(
        world,
        pillar,
        author="mydevuser1",
        at=on_day(13),
        html="<p>Our nightly transformation could run in the <strong>hydropower region</strong>; nobody waits.</p>",
    )
    comment(
        world,
        pillar,
        author="mydevuser2",
        at=on_day(13, hour=11),
        html="<p>Agreed. I will measure vCPU-minutes per order for two weeks first.</p>",
    )


def _add_handbook(world: World, folder: Node) -> None:
    handbook = publish(
        world,
        folder,
        "WorkDocs.docx",
        title="Working with WorkDocs",
        at=on_day(7),
        creator="mymanageruser3",
        owner=ADMIN,
    )
    comment(
        world,
        handbook,
        author="mydevuser2",
        at=on_day(14),
        html="<p>Could the chapter on guests say that <a href='https://example.com/guests'>the form</a> has moved?</p>",
    )
    comment(
        world,
        handbook,
        author="mymanageruser3",
        at=on_day(14, hour=16),
        html="<p>Yes, the new wording will be in the September edition.</p>",
    )


def _fill_onprem_folder(world: World) -> None:
    with world.at(on_day(9)):
        folder = world.add_folder(world.root, ONPREM_FOLDER)
        restrict(world, folder, ("GROUP_engineering", "Collaborator"))
    polly = publish(world, folder, "Polly-dg.pdf", title="Polly guide", at=on_day(10), aspects=[INDEX_CONTROL])
    restrict(world, polly, ("mydevuser1", "Collaborator"))
    api = publish(world, folder, "Transcribe-api.pdf", title="Transcribe API", at=on_day(10), aspects=[INDEX_CONTROL])
    restrict(world, api, ("GROUP_voice_project", "Consumer"))
    publish(world, folder, "Voice-Project-Brief.docx", title="Voice project brief", at=on_day(10))
    publish(world, folder, "Studio-Booking.html", title="Booking the studio", at=on_day(11))
    checklist = publish(world, folder, "Release-Checklist.txt", title="Release checklist", at=on_day(11))
    with world.at(on_day(11)):
        world.set_permissions(checklist, entries=[("GROUP_contractors", "Consumer", "DENIED")])
    comment(
        world,
        polly,
        author="mydevuser1",
        at=on_day(15),
        html="<p>The neural voice mispronounces our product names; see the lexicon chapter for the remedy.</p>",
    )


# -- in the cloud ------------------------------------------------------------------------------------------------------


def _settle_cloud(world: World) -> None:
    add_crawler(world)
    add_person(world, "kendrauser1", "Kendra User1", email="kendra.user1@example.com", job_title="Data scientist")
    add_person(world, "kendrauser2", "Kendra User2", email="kendra.user2@example.com", job_title="Accountant")
    add_person(world, "kendrauser3", "Kendra User3", email="kendra.user3@example.com", job_title="Architect")
    add_person(world, "kendrauser4", "Kendra User4", email="kendra.user4@example.com", enabled=False)
    add_person(world, "kendrauser5", "Kendra User5", job_title="Trainee")
    add_person(world, "outsider", "Unrelated Outsider", email="outsider@example.com")
    world.add_group("GROUP_architects", members=["kendrauser3", "kendrauser4"], display_name="Architects")
    world.add_group("GROUP_data_science", members=["kendrauser1"], display_name="Data science")
    world.add_group("GROUP_finance", members=["kendrauser2", "kendrauser5"], display_name="Finance")
    world.add_group("GROUP_cloud_team", members=["GROUP_architects", "GROUP_data_science"], display_name="Cloud team")


def _fill_cloud_private_site(world: World) -> None:
    with world.at(on_day(4)):
        world.add_site(
            CLOUD_PRIVATE_SITE,
            title="My Alfresco Cloud Site 2",
            description="Working papers of the cloud team",
            visibility="PRIVATE",
            members={"GROUP_cloud_team": "SiteContributor"},
        )
        library = world.document_library(CLOUD_PRIVATE_SITE)
        architecture = world.add_folder(library, "Architecture")
        restrict(world, architecture, ("GROUP_architects", "Collaborator"))
    _add_white_paper(world, library)
    _add_framework(world, architecture)
    _add_training(world, library)


def _add_white_paper(world: World, folder: Node) -> None:
    paper = publish(world, folder, "DDoS_White_Paper.pdf", title="Withstanding DDoS attacks", at=on_day(5))
    with world.at(on_day(5)):
        world.set_permissions(paper, entries=[("GROUP_data_science", "Consumer", "DENIED")])
    comment(
        world,
        paper,
        author="kendrauser3",
        at=on_day(18),
        html="<p>The game day is set for <b>14 May</b>; the provider has been told about the load test.</p>",
    )


def _add_framework(world: World, folder: Node) -> None:
    framework = publish(
        world, folder, "wellarchitected-framework.pdf", title="A well-architected framework", at=on_day(6)
    )
    comment(
        world,
        framework,
        author="kendrauser3",
        at=on_day(19),
        html="<p>Review of the ordering system: five high risks, the untested restore is the first to treat.</p>",
    )


def _add_training(world: World, folder: Node) -> None:
    slides = publish(world, folder, "ML_Training.pptx", title="Training machine learning models", at=on_day(7))
    restrict(world, slides, ("kendrauser1", "Collaborator"))
    comment(
        world,
        slides,
        author="kendrauser1",
        at=on_day(20),
        html="<p>Add a slide on label agreement before the next course.</p><p>The last group asked for it.</p>",
    )


def _fill_cloud_public_site(world: World) -> None:
    with world.at(on_day(4)):
        world.add_site(
            CLOUD_PUBLIC_SITE,
            title="My Alfresco Cloud Public Site",
            description="Guides for everybody",
            visibility="PUBLIC",
            members={"GROUP_cloud_team": "SiteCollaborator"},
        )
        library = world.document_library(CLOUD_PUBLIC_SITE)
        guides = world.add_folder(library, "Guides")
    batch = publish(world, guides, "batch_user.pdf", title="Submitting batch jobs", at=on_day(11))
    storage = "Amazon Simple Storage Service – User Guide.pdf"
    publish(world, guides, storage, title="Object storage guide", at=on_day(11), creator="kendrauser3")
    publish(world, guides, "AWS Batch – User Guide.pdf", title="Batch administration guide", at=on_day(12))
    publish(world, guides, "Amazon Detective.docx", title="Investigating with Detective", at=on_day(12))
    prices = publish(world, library, "Pricing.xlsx", title="Pricing", at=on_day(13), creator="kendrauser1")
    comment(
        world,
        batch,
        author="kendrauser1",
        at=on_day(21),
        html="<p>Exit code 137 cost me an afternoon: <code>MEMORY</code> is given in MiB, not in gigabytes.</p>",
    )
    comment(
        world,
        prices,
        author="kendrauser3",
        at=on_day(22),
        html="<p>Does the volume discount count before or after the one-year commitment?</p>",
    )
