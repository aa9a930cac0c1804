"""Which channels are mirrored to whom: every channel of a publisher to each of its subscribers."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field

from rheon_media_node.data.association import Association, Channel, Message
from rheon_media_node.data.drops import Drop, Drops
from rheon_media_node.data.sctp import Link
from rheon_media_node.negotiation import DataChannels

Key = Hashable
"""Names a publisher: the same while it reconnects."""

LabelOf = Callable[[Key, str], str]
"""What a publisher's label becomes for a subscriber."""


@dataclass(slots=True)
class _Feed:
    """A publisher's association, and who receives its channels."""

    source: Association | None = None
    channels: list[Channel] = field(default_factory=list)
    """The publisher's open channels."""
    mirrors: dict[Association, dict[Channel, Channel]] = field(default_factory=dict)
    """By subscriber: a channel of ours for each of the publisher's."""


class DataHub:
    """All associations of the node. `drops` counts what was not passed on, by `Drop`."""

    def __init__(self) -> None:
        self.drops: Drops = Drops()
        self._feeds: dict[Key, _Feed] = {}
        self._publishers: dict[Association, Key] = {}
        self._subscribers: dict[Association, set[Key]] = {}
        self._labels: dict[Association, LabelOf] = {}

    def tables(self) -> dict[str, int]:
        """Sizes: associations, channels, and bytes waiting for subscribers."""
        associations = [*self._publishers, *self._subscribers]
        return {
            "data-associations": len(associations),
            "data-channels": sum(len(association.channels) for association in associations),
            "data-queued-bytes": sum(association.queued_bytes for association in associations),
        }

    def publish(self, publisher: Key, link: Link, remote: DataChannels, *, server: bool) -> Association:
        """A publisher's connection has data channels; those of its earlier connection are closed."""
        feed = self._feeds.setdefault(publisher, _Feed())
        if feed.source is not None:
            self.end(feed.source)
            feed = self._feeds.setdefault(publisher, _Feed())
        association = self._associate(link, remote, server=server)
        feed.source = association
        self._publishers[association] = publisher
        association.start()
        return association

    def subscribe(
        self,
        publishers: Iterable[Key],
        link: Link,
        remote: DataChannels,
        *,
        server: bool,
        label_of: LabelOf | None = None,
    ) -> Association:
        """A connection that receives the channels of these publishers, present and future.

        With `label_of` under other labels, so that it can tell whose they are.
        """
        association = self._associate(link, remote, server=server)
        self._subscribers[association] = set()
        if label_of is not None:
            self._labels[association] = label_of
        self.follow(association, publishers)
        association.start()
        return association

    def follow(self, subscriber: Association, publishers: Iterable[Key]) -> None:
        """Let a connection receive the channels of exactly these publishers from now on."""
        followed = self._subscribers[subscriber]
        wanted = set(publishers)
        for publisher in followed - wanted:
            self._unfollow(subscriber, publisher)
        for publisher in wanted - followed:
            followed.add(publisher)
            feed = self._feeds.setdefault(publisher, _Feed())
            feed.mirrors[subscriber] = {}
            for channel in feed.channels:
                self._mirror(publisher, subscriber, channel)

    def end(self, association: Association) -> None:
        """End an association, of a publisher or of a subscriber."""
        association.end()
        for publisher in list(self._subscribers.get(association, ())):
            self._unfollow(association, publisher)
        self._subscribers.pop(association, None)
        self._labels.pop(association, None)
        published = self._publishers.pop(association, None)
        if published is not None:
            self._feeds[published].source = None
            self._tidy(published)

    # What associations tell -----------------------------------------------------------------------------------------

    def channel_opened(self, association: Association, channel: Channel) -> None:
        """Mirror a publisher's channel; a subscriber's is closed, as nothing is taken from it."""
        feed = self._feed_of(association)
        if feed is None:
            self.drops[Drop.FROM_SUBSCRIBER] += 1
            association.close_channel(channel)
            return
        feed.channels.append(channel)
        for subscriber in feed.mirrors:
            self._mirror(self._publishers[association], subscriber, channel)

    def channel_closed(self, association: Association, channel: Channel) -> None:
        """Close the mirrors of a publisher's channel; forget a mirror that its subscriber closed."""
        feed = self._feed_of(association)
        if feed is not None and channel in feed.channels:
            feed.channels.remove(channel)
            for subscriber, mirrors in feed.mirrors.items():
                mirror = mirrors.pop(channel, None)
                if mirror is not None:
                    subscriber.close_channel(mirror, drain=True)
        for publisher in self._subscribers.get(association, ()):
            mirrors = self._feeds[publisher].mirrors[association]
            for original in [original for original, mirror in mirrors.items() if mirror is channel]:
                del mirrors[original]

    def message(self, association: Association, channel: Channel, message: Message) -> None:
        """Pass a publisher's message on."""
        feed = self._feed_of(association)
        if feed is None:
            self.drops[Drop.FROM_SUBSCRIBER] += 1
            return
        for subscriber, mirrors in feed.mirrors.items():
            mirror = mirrors.get(channel)
            if mirror is not None:
                subscriber.send(mirror, message)

    # Inside ---------------------------------------------------------------------------------------------------------

    def _associate(self, link: Link, remote: DataChannels, *, server: bool) -> Association:
        return Association(link, server=server, remote=remote, owner=self, drops=self.drops)

    def _feed_of(self, association: Association) -> _Feed | None:
        publisher = self._publishers.get(association)
        return None if publisher is None else self._feeds.get(publisher)

    def _mirror(self, publisher: Key, subscriber: Association, channel: Channel) -> None:
        label_of = self._labels.get(subscriber)
        label = channel.carrier.label
        mirror = subscriber.open(channel, label if label_of is None else label_of(publisher, label))
        if mirror is not None:
            self._feeds[publisher].mirrors[subscriber][channel] = mirror

    def _unfollow(self, subscriber: Association, publisher: Key) -> None:
        self._subscribers[subscriber].remove(publisher)
        for mirror in self._feeds[publisher].mirrors.pop(subscriber, {}).values():
            subscriber.close_channel(mirror)
        self._tidy(publisher)

    def _tidy(self, publisher: Key) -> None:
        feed = self._feeds[publisher]
        if feed.source is None and not feed.mirrors:
            del self._feeds[publisher]
