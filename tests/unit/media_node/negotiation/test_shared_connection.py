"""One subscribe connection for several publishers: names, places, payload types, and hostile neighbours."""

from dataclasses import replace

from rheon_media_node.negotiation import (
    EVERYTHING,
    PublishedTrack,
    PublisherIdentity,
    Refusal,
    SubscriptionNegotiation,
    answer_publish,
    offer_subscription,
    read_description,
    read_subscription_answer,
)
from rheon_media_node.sdp import write_session_description
from tests.support.session_descriptions import captured_offer
from tests.unit.media_node.negotiation.peer import LOCAL, answer, preferring, published, ssrcs

CLIENTS = ("chrome", "firefox", "safari", "pion", "aiortc", "wrtc")


def publisher(number: int, offer: str) -> tuple[PublishedTrack, ...]:
    identity = PublisherIdentity(f"pub{number}", f"user{number}")
    return answer_publish(read_description(offer), LOCAL, identity, capabilities=EVERYTHING).tracks


def everyone() -> tuple[PublishedTrack, ...]:
    return tuple(track for number, name in enumerate(CLIENTS) for track in publisher(number, captured_offer(name)))


def formats(negotiation: SubscriptionNegotiation) -> dict[int, set[tuple[str, str | None]]]:
    """What each payload type means in the sections of the offer."""
    found: dict[int, set[tuple[str, str | None]]] = {}
    for section in negotiation.offer.media:
        for payload in section.payloads:
            found.setdefault(payload.payload_type, set()).add((payload.name, payload.parameters))
    return found


def test_every_track_is_under_its_publisher_s_names() -> None:
    tracks = everyone()
    negotiation = offer_subscription(tracks, LOCAL, ssrcs())
    assert negotiation.tracks == tracks
    for mid, track in negotiation.tracks_by_mid.items():
        section = next(section for section in negotiation.offer.media if section.mid == mid)
        assert section.msids[0].stream_id == track.publisher.replace("pub", "user")
        assert {source.value for source in section.ssrc_attributes} == {track.publisher}
    result = read_subscription_answer(negotiation, write_session_description(answer(negotiation.offer_text)))
    assert {accepted.forward.mid: accepted.track for accepted in result.accepted} == negotiation.tracks_by_mid


def test_one_number_means_one_format() -> None:
    offers = [captured_offer(name) for name in CLIENTS]
    offers += [preferring(captured_offer("chrome"), "video", number) for number in (102, 104, 108, 39, 45, 98, 100)]
    tracks = [track for number, offer in enumerate(offers) for track in publisher(number, offer)]
    negotiation = offer_subscription(tracks, LOCAL, ssrcs())
    meanings = formats(negotiation)
    assert all(len(meaning) == 1 for meaning in meanings.values())
    assert all(not 64 <= number < 96 for number in meanings)
    # Publishers with one variant share one number.
    variants = {(track.parameters.codec, track.format_parameters) for track in tracks}
    assert len({slot.payload_types for slot in negotiation.media_slots}) == len(variants)
    assert negotiation.left_out == ()
    again = offer_subscription(tracks, LOCAL, ssrcs(9000), negotiation)
    assert formats(again) == meanings


def test_publishers_who_come_and_go_take_each_other_s_places() -> None:
    first, second, third = (publisher(number, captured_offer("chrome")) for number in range(3))
    negotiation = offer_subscription([*first, *second], LOCAL, ssrcs())
    without = offer_subscription(second, LOCAL, ssrcs(5000), negotiation)
    joined = offer_subscription([*second, *third], LOCAL, ssrcs(6000), without)
    assert [slot.mid for slot in joined.slots] == [slot.mid for slot in negotiation.slots]
    assert [track.publisher for track in joined.tracks] == ["pub2"] * 3 + ["pub1"] * 3
    used = {slot.ssrc for slot in negotiation.media_slots}
    assert all(slot.ssrc not in used for slot in joined.media_slots[:3])


def test_a_publisher_of_odd_variants_does_not_take_the_connection_from_others() -> None:
    *_, video = publisher(0, captured_offer("safari"))
    odd = [
        replace(
            video,
            track_id=f"odd-{level}",
            format_parameters=f"level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e0{level:02x}",
        )
        for level in range(40)
    ]
    others = publisher(1, captured_offer("chrome"))
    negotiation = offer_subscription([*others, *odd], LOCAL, ssrcs())
    assert negotiation.tracks[:3] == others
    assert len(negotiation.left_out) > 0
    assert all(len(meaning) == 1 for meaning in formats(negotiation).values())
    result = read_subscription_answer(negotiation, write_session_description(answer(negotiation.offer_text)))
    refused = [(item.track, item.reason) for item in result.refused]
    assert refused == [(track, Refusal.NO_ROOM) for track in negotiation.left_out]
    assert "no room" in result.refused[0].explanation
    # Once they are gone, so is their hold on the numbers.
    silent = offer_subscription(others, LOCAL, ssrcs(5000), result.negotiation)
    late = negotiation.left_out[-1]
    joined = offer_subscription([*others, late], LOCAL, ssrcs(6000), silent)
    assert joined.tracks == (*others, late)
    assert all(len(meaning) == 1 for meaning in formats(joined).values())
    assert len(joined.slots) == len(negotiation.slots)


def test_refused_tracks_are_forgotten_when_they_are_gone() -> None:
    tracks = published("chrome")
    negotiation = offer_subscription(tracks, LOCAL, ssrcs())
    description = answer(negotiation.offer_text)
    rejected = tuple(replace(section, port=0) for section in description.media[1:])
    text = write_session_description(replace(description, media=(description.media[0], *rejected)))
    result = read_subscription_answer(negotiation, text)
    assert result.negotiation.refused_track_ids == {"pub7-2", "pub7-3"}
    again = offer_subscription(tracks[:2], LOCAL, ssrcs(5000), result.negotiation)
    assert again.refused_track_ids == {"pub7-2"}
    assert again.tracks == tracks[:1]
