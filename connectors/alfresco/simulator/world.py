"""One simulated repository: its nodes, people, groups and sites, and who may read what.

Tests and the sample worlds build it with the `add_…` methods and change it while it is being served. `may_read` and
`may_find` are the oracle for everything that claims to reproduce Alfresco's decisions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from connectors.alfresco.simulator import sites
from connectors.alfresco.simulator.access import AccessControl
from connectors.alfresco.simulator.audit import AuditTrail
from connectors.alfresco.simulator.directory import Directory
from connectors.alfresco.simulator.faults import Faults
from connectors.alfresco.simulator.identity import IdentityProvider, IdentityService
from connectors.alfresco.simulator.index_tracking import IndexTracking
from connectors.alfresco.simulator.listings import ChildListings
from connectors.alfresco.simulator.login import Login, Tickets
from connectors.alfresco.simulator.model import (
    ADMINISTRATORS,
    EVERYONE,
    GUEST,
    ROLE_OWNER,
    Group,
    Node,
    Person,
    Site,
    Visibility,
)
from connectors.alfresco.simulator.node_store import NodeStore
from connectors.alfresco.simulator.request_log import RequestLog
from connectors.alfresco.simulator.search import SearchEngine
from connectors.alfresco.simulator.tree import ADMIN, Clock
from connectors.alfresco.simulator.version_history import VersionHistory


def system_clock() -> datetime:
    return datetime.now(UTC)


class World(NodeStore):
    """A repository in memory, with the folders and the administrator of a fresh installation.

    `admin` has the password `admin`. Serve it with `create_app` or `running_simulator`.
    """

    def __init__(
        self,
        *,
        name: str = "alfresco",
        edition: str = "Enterprise",
        clock: Clock = system_clock,
        any_deny_denies: bool = True,
    ) -> None:
        super().__init__(name, clock)
        self.edition = edition
        self.modules: dict[str, tuple[str, str]] = {}  # module id -> title and version, shown by discovery
        self.login_page_is_html = False  # True: a 401 carries a web page, as behind single sign-on
        self.hides_total_items = False  # True: lists come without the optional totalItems
        self.renditions_enabled = True  # False: asking for a rendition to be made answers 501
        self.versions = VersionHistory(self)
        self.audit_enabled = True  # False: the audit API answers 501, as with audit.enabled=false
        self.audit = AuditTrail(self.changes, self.content_model)
        self.directory = Directory()
        self.access = AccessControl(self, self.directory, any_deny_denies=any_deny_denies)
        self.tracking = IndexTracking(self, self.access)
        self.listings = ChildListings(self, self.directory, self.access)
        self.tickets = Tickets(self.now)
        self.login = Login(self.directory, self.tickets)
        self.identity_provider: IdentityProvider | None = None  # served beside the repository, if there is one
        self.sites: dict[str, Site] = {}
        self.search = SearchEngine(self, self.directory, self.sites, self.access)
        self._lost_sites: dict[str, tuple[Site, dict[str, Node]]] = {}
        self.request_log = RequestLog()
        self.faults = Faults()
        self._furnish()

    def _furnish(self) -> None:
        """Create what every fresh installation has."""
        self.set_permissions(self.root, inherit=False, entries=[(EVERYONE, "Consumer")])
        self.add_folder(self.root, "Data Dictionary")
        self.guest_home = self.add_folder(self.root, "Guest Home")
        self.user_homes = self.add_folder(self.root, "User Homes")
        self.shared = self.add_folder(self.root, "Shared")
        self.set_permissions(self.shared, entries=[(EVERYONE, "Contributor")])
        self.sites_folder = self.add_folder(self.root, "Sites", node_type="st:sites")
        self.add_group(ADMINISTRATORS)
        self.add_person(
            ADMIN,
            first_name="Administrator",
            email="admin@alfresco.com",
            password=ADMIN,  # a fresh installation's default
            is_admin=True,
        )
        self.directory.add_person(Person(id=GUEST, first_name="Guest", enabled=False))

    # -- login ---------------------------------------------------------------------------------------------------

    @property
    def identity_service(self) -> IdentityService | None:
        """What accepts access tokens; None: the subsystem is off."""
        return self.login.identity_service

    @identity_service.setter
    def identity_service(self, service: IdentityService | None) -> None:
        self.login.identity_service = service

    def end_logins(self) -> None:
        """Let every ticket and every access token that was used so far end now."""
        self.tickets.end_all()
        if self.login.identity_service is not None:
            self.login.identity_service.end_all()

    # -- people and groups ---------------------------------------------------------------------------------------

    def add_person(
        self,
        user: str,
        *,
        email: str | None = None,
        first_name: str | None = None,
        last_name: str = "",
        password: str | None = None,
        enabled: bool = True,
        is_admin: bool = False,
        is_service_account: bool = False,
        job_title: str = "",
    ) -> Person:
        """Add a person with a home folder.

        Without a password they cannot log in; without an e-mail address they have none. A service account may read
        every node and its permissions, but Alfresco's search does not know that.
        """
        person = Person(
            id=user,
            first_name=user if first_name is None else first_name,
            last_name=last_name,
            email=email or "",
            password=password,
            enabled=enabled,
            is_service_account=is_service_account,
            job_title=job_title,
        )
        self.directory.add_person(person)
        if is_admin:
            self.join_group(user, ADMINISTRATORS)
        home = self.add_folder(self.user_homes, user, owner=user)
        self.set_permissions(home, inherit=False, entries=[(ROLE_OWNER, "All"), (user, "All")])
        return person

    def add_group(
        self, group_id: str, *, members: Iterable[str] = (), display_name: str = "", description: str = ""
    ) -> Group:
        """Add `GROUP_<name>` with people or groups as direct members."""
        return self.directory.add_group(group_id, members=members, display_name=display_name, description=description)

    def join_group(self, member: str, group_id: str) -> None:
        """Make a person or group a direct member of a group."""
        self.directory.join(member, group_id)

    def leave_group(self, member: str, group_id: str) -> None:
        """End a direct membership."""
        self.directory.leave(member, group_id)

    def set_email(self, user: str, email: str) -> None:
        """Change a person's address; an empty one leaves them without."""
        self.directory.people[user].email = email

    def disable_person(self, user: str) -> None:
        """Close an account: no login, no access."""
        self.directory.set_enabled(user, enabled=False)

    def enable_person(self, user: str) -> None:
        """Open a closed account again."""
        self.directory.set_enabled(user, enabled=True)

    def remove_authority(self, authority: str) -> None:
        """Delete a person or group; permission entries that name it stay behind."""
        self.directory.remove(authority)

    # -- sites ---------------------------------------------------------------------------------------------------

    def add_site(
        self,
        site_id: str,
        *,
        title: str | None = None,
        description: str = "",
        visibility: Visibility = "PUBLIC",
        members: Mapping[str, sites.SiteRole] | None = None,
        creator: str = ADMIN,
        document_library: bool = True,
    ) -> Site:
        """Add a site with its role groups and folder; `members` maps people or groups to their role."""
        if site_id in self.sites:
            raise ValueError(f"site {site_id!r} exists already")
        sites.create_groups(self.directory, site_id, creator=creator)
        site = self.sites[site_id] = sites.create(
            self,
            self.sites_folder,
            site_id,
            title=title or site_id,
            description=description,
            visibility=visibility,
            creator=creator,
        )
        for member, role in (members or {}).items():
            self.join_group(member, sites.role_group(site_id, role))
        if document_library:
            sites.add_container(self, site, sites.DOCUMENT_LIBRARY)
        return site

    def set_site_visibility(self, site_id: str, visibility: Visibility) -> None:
        """Change who can see a site: rewrites the ACLs of its folder and containers, touches no document."""
        sites.change_visibility(self, self.sites[site_id], visibility)

    def lose_site(self, site_id: str) -> None:
        """Let a site be unknown, with all that is in it, although nobody deleted it; `find_site` brings it back."""
        site = self.sites.pop(site_id)
        top = self.nodes[site.node_id]
        tree = {node.id: node for node in self.subtree(top)}
        self._lost_sites[site_id] = site, tree
        self._detach(self.sites_folder, top)
        for node_id in tree:
            del self.nodes[node_id]
        self.acl_generation += 1
        self.listings.clear()

    def find_site(self, site_id: str) -> None:
        """Bring back a lost site as it was."""
        site, tree = self._lost_sites.pop(site_id)
        self.nodes.update(tree)
        self._attach(self.sites_folder, tree[site.node_id])
        self.sites[site_id] = site
        self.acl_generation += 1
        self.listings.clear()

    def document_library(self, site_id: str) -> Node:
        """Return the folder of the site's documents."""
        return self.nodes[self.sites[site_id].containers[sites.DOCUMENT_LIBRARY]]

    # -- search --------------------------------------------------------------------------------------------------

    @property
    def search_lag(self) -> timedelta:
        """How late the search index is; `FROZEN` keeps all further changes out until it is set to less."""
        return self.search.lag

    @search_lag.setter
    def search_lag(self, lag: timedelta) -> None:
        self.search.lag = lag

    # -- the oracle ----------------------------------------------------------------------------------------------

    def may_read(self, user: str, node_id: str) -> bool:
        """Return whether this person's request for the node would be answered; the owner reads despite a denial."""
        return node_id in self.nodes and self.access.may_read(user, self.nodes[node_id])

    def may_find(self, user: str, node_id: str) -> bool:
        """Return whether Alfresco's own search would show the node; a denial hides it even from its owner."""
        return node_id in self.nodes and self.access.may_find(user, self.nodes[node_id])
