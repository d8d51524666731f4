//! Elements of a domain, with errors that say where.

use std::fmt::Display;

use roxmltree::Node;

use crate::encoding::marked_line::MarkedPlace;

/// What is said of an element that begins at a place.
pub(super) fn told(begin: MarkedPlace<'_>, name: &str, why: impl Display) -> String {
    begin.told(format_args!("<{name}>: {why}"))
}

/// An element of a domain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element<'x>(Node<'x, 'x>);

impl<'x> Element<'x> {
    pub(super) fn new(node: Node<'x, 'x>) -> Self {
        Self(node)
    }

    pub(super) fn name(self) -> &'x str {
        self.0.tag_name().name()
    }

    /// The elements directly below.
    pub(super) fn children(self) -> impl Iterator<Item = Self> {
        self.0.children().filter(Node::is_element).map(Self)
    }

    /// Its namespace, if it is not libvirt's own.
    pub(super) fn namespace(self) -> Option<&'x str> {
        self.0.tag_name().namespace()
    }

    /// Whether it is of a namespace of its own.
    pub(super) fn is_foreign(self) -> bool {
        self.namespace().is_some()
    }

    /// The first element of this name below.
    pub(super) fn child(self, name: &str) -> Option<Self> {
        self.children().find(|child| child.name() == name && !child.is_foreign())
    }

    /// The element at the end of a path of names.
    pub(super) fn find(self, path: &[&str]) -> Option<Self> {
        path.iter().try_fold(self, |element, name| element.child(name))
    }

    /// All elements of this name below.
    pub(super) fn all(self, name: &'static str) -> impl Iterator<Item = Self> {
        self.children().filter(move |child| child.name() == name && !child.is_foreign())
    }

    pub(super) fn attribute(self, name: &str) -> Option<&'x str> {
        self.0.attribute(name)
    }

    /// All text inside as it stands there, white space included; comments do not count. So libvirt
    /// takes what it hands on.
    pub(super) fn text(self) -> String {
        let texts = self.0.descendants().filter(|node| node.is_text());
        texts.filter_map(|node| node.text()).collect()
    }

    /// The text of an element below, if it has some.
    pub(super) fn text_of(self, name: &str) -> Option<String> {
        self.child(name).map(Self::text).filter(|text| !text.is_empty())
    }

    /// An error about this element.
    pub(super) fn error(self, why: impl Display) -> String {
        let place = MarkedPlace::at(self.0.document().input_text(), self.begin_bytes());
        told(place, self.name(), why)
    }

    /// Where in the text it begins, in bytes.
    pub(super) fn begin_bytes(self) -> usize {
        self.0.range().start
    }

    /// An attribute that is a number.
    pub(super) fn number(self, name: &str) -> Result<Option<u64>, String> {
        let parse = |text: &str| {
            let why = || self.error(format!("{name}={text:?} is not a number"));
            text.parse().map_err(|_| why())
        };
        self.attribute(name).map(parse).transpose()
    }

    /// The text inside as a number.
    pub(super) fn count(self) -> Result<u64, String> {
        let text = self.text();
        text.trim().parse().map_err(|_| self.error(format!("{text:?} is not a number")))
    }
}
