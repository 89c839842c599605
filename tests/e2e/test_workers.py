"""Several workers are one service: what one was told, all of them know."""

from pathlib import Path

from tests.e2e.running import serving

POSTS = 200


def test_each_video_is_recommended_at_once_by_whichever_worker_answers(tmp_path: Path) -> None:
    history = [{"tags": ["wok", "noodles"]}]
    with serving(tmp_path / "store", workers=2) as service:
        pids = set()
        for number in range(POSTS):
            video = {"item_id": f"v{number}", "tags": ["street food", "wok"]}
            posted = service.post("/items", {"items": [video]})
            assert posted.json()["results"][0]["status"] == "created"
            # Everything posted before is excluded, so only a worker that has this one can answer.
            asked = {
                "user_id": "u",
                "k": 1,
                "history": history,
                "exclude_item_ids": [f"v{n}" for n in range(number)],
            }
            answer = service.post(
                "/recommend", asked, **{"X-Couple-After": posted.json()["sequence"]}
            )
            assert [c["item_id"] for c in answer.json()["candidates"]] == [f"v{number}"]
            assert "stale_index" not in answer.json()["degraded"]
            pids.add(service.get("/livez").json()["pid"])
        assert len(pids) == 2, "both workers answered"
