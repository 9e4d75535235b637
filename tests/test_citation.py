"""CITATION.cff is a valid citation file and says what the package says."""

from __future__ import annotations

import pytest

import ldm_lab

yaml = pytest.importorskip("yaml")
# Of the Citation File Format 1.2.0: the keys at the top and in a reference that may be used.
TOP = {"abstract", "authors", "cff-version", "commit", "contact", "date-released", "doi", "identifiers", "keywords", "license",
       "license-url", "message", "preferred-citation", "references", "repository", "repository-artifact",
       "repository-code", "title", "type", "url", "version"}
REFERENCE = {"abstract", "authors", "collection-title", "conference", "doi", "end", "identifiers", "keywords", "pages",
             "publisher", "start", "title", "type", "url", "volume", "year"}


@pytest.fixture(scope="module")
def citation(root) -> dict:
    return yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))


def test_it_is_a_citation_of_software(citation):
    assert set(citation) <= TOP
    assert citation["cff-version"] == "1.2.0" and citation["type"] == "software" and citation["title"] == "LDM Lab"
    assert citation["authors"] == [{"name": "The LDM Lab authors"}]
    assert citation["message"] and all(isinstance(word, str) for word in citation["keywords"])


def test_it_has_the_package_s_version_and_licence(citation, root):
    assert citation["version"] == ldm_lab.__version__
    assert f'license = "{citation["license"]}"' in (root / "pyproject.toml").read_text(encoding="utf-8")


def test_it_names_the_paper_and_its_authors(citation):
    (paper,) = citation["references"]
    assert set(paper) <= REFERENCE and paper["type"] == "conference-paper" and paper["year"] == 2023
    assert [one["family-names"] for one in paper["authors"]] == ["Liu", "Chen", "Yuan", "Mei", "Liu", "Mandic", "Wang", "Plumbley"]
    assert all(set(one) == {"family-names", "given-names"} for one in paper["authors"])
    assert "2301.12503" in paper["url"] and paper["identifiers"][0]["value"] == "arXiv:2301.12503"
